//! Quality against cost as SVG. Colours are those of a light page; the page's style sheet gives each another one where
//! people read in the dark ([`COLORS`]).

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::element::{Circle, ErrorBar, PathElement, Text};
use plotters::prelude::{
    Cartesian2d, ChartBuilder, ChartContext, Color as _, DrawingArea, DrawingAreaErrorKind, DrawingBackend,
    IntoDrawingArea as _, IntoFont as _, IntoTextStyle as _, RGBColor, SVGBackend,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::words;
use crate::report::diff::clip;
use crate::report::sanitize;
use crate::report::words::number;
use crate::zoo::Zoo;
use crate::zoo::report::Model;

/// Pixels.
const SIZE: (u32, u32) = (900, 460);

const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
const MUTED: RGBColor = RGBColor(0x59, 0x63, 0x6e);
const GRID: RGBColor = RGBColor(0xd8, 0xde, 0xe4);
const NAMED: RGBColor = RGBColor(0x0b, 0x7a, 0x3e);
const FRONT: RGBColor = RGBColor(0x1a, 0x5f, 0xb4);

/// Every colour of the picture, and the one for a dark page.
pub(super) const COLORS: [(&str, &str); 5] = [
    ("#1F2328", "#e6edf3"),
    ("#59636E", "#9da7b3"),
    ("#D8DEE4", "#30363d"),
    ("#0B7A3E", "#4ac26b"),
    ("#1A5FB4", "#6cb6ff"),
];

/// Text of labels in pixels; the backend makes it a quarter smaller.
const TEXT: f64 = 15.5;

/// Pixels of a character of a label, about.
const CHARACTER: i32 = 7;

/// Characters of a name.
const NAME: usize = 28;

/// The picture, an `svg` element; nothing where fewer than two models have a price and a result.
pub(super) fn svg(zoo: &Zoo) -> Option<String> {
    let points: Vec<Point<'_>> = zoo.models.iter().filter_map(Point::of).collect();
    if points.len() < 2 {
        return None;
    }
    let mut out = String::new();
    {
        let root = SVGBackend::with_string(&mut out, SIZE).into_drawing_area();
        draw(&root, zoo, &points).ok()?;
        root.present().ok()?;
    }
    Some(out)
}

/// A model that has a place in the picture.
struct Point<'a> {
    model: &'a Model,
    usd: f64,
    mean: f64,
    ci: [f64; 2],
}

impl<'a> Point<'a> {
    fn of(model: &'a Model) -> Option<Self> {
        let quality = model.quality.filter(|_| !model.left_out)?;
        let usd = 1000.0 * model.cost.usd_per_answer?;
        let [low, high] = quality.ci95.map(|bound| 100.0 * bound);
        Some(Self { model, usd, mean: 100.0 * quality.mean, ci: [low, high] })
    }
}

/// A straight axis with marks where we want them.
struct Scale {
    from: f64,
    to: f64,
    ticks: Vec<f64>,
}

impl Ranged for Scale {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, reason = "pixels")]
    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.from) / (self.to - self.from).max(f64::MIN_POSITIVE);
        from + (share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.from..self.to
    }
}

/// Where a cost stands on the axis: prices that differ much are set apart by how many times they differ.
struct Axis {
    log: bool,
    /// Place of what is free, where the axis has no zero.
    free: f64,
    from: f64,
    to: f64,
    ticks: Vec<f64>,
}

/// Prices that differ more than so many times get a logarithmic axis.
const FAR: f64 = 15.0;

impl Axis {
    fn of(points: &[Point<'_>]) -> Self {
        let paid = || points.iter().map(|point| point.usd).filter(|usd| *usd > 0.0);
        let (least, most) = (paid().fold(f64::INFINITY, f64::min), paid().fold(0.0, f64::max));
        let has_free = points.iter().any(|point| point.usd <= 0.0);
        if !(least.is_finite() && most / least > FAR) {
            let to = if most > 0.0 { most * 1.18 } else { 1.0 };
            let step = nice(to / 6.0);
            return Self { log: false, free: 0.0, from: 0.0, to, ticks: multiples(0.0, to, step) };
        }
        let (low, high) = (least.log10(), most.log10());
        let span = high - low;
        let free = low - 0.12 * span - 0.15;
        let from = if has_free { free - 0.06 * span } else { low - 0.06 * span };
        let to = high + 0.15 * span;
        let decades = multiples(low.floor() - 1.0, high.ceil() + 1.0, 1.0);
        let fine: &[f64] = if span < 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let mut ticks: Vec<f64> = decades
            .into_iter()
            .flat_map(|decade| fine.iter().map(move |digit| decade + digit.log10()))
            .filter(|tick| *tick >= low - 0.05 * span && *tick <= to)
            .collect();
        if has_free {
            ticks.insert(0, free);
        }
        Self { log: true, free, from, to, ticks }
    }

    fn place(&self, usd: f64) -> f64 {
        match self.log {
            true if usd <= 0.0 => self.free,
            true => usd.log10(),
            false => usd,
        }
    }

    fn label(&self, place: f64) -> String {
        if !self.log {
            return number(place);
        }
        if (place - self.free).abs() < 1e-9 { "0".to_owned() } else { number(10.0_f64.powf(place)) }
    }
}

/// 1, 2 or 5 times a power of ten, at least `rough`.
fn nice(rough: f64) -> f64 {
    let power = 10.0_f64.powf(rough.max(1e-9).log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * power >= rough * 0.999);
    digit.unwrap_or(10.0) * power
}

fn multiples(from: f64, to: f64, step: f64) -> Vec<f64> {
    let mut out = Vec::new();
    let mut next = (from / step).ceil() * step;
    while next <= to + step * 1e-6 && out.len() < 100 {
        out.push(next);
        next += step;
    }
    out
}

type Failure<D> = DrawingAreaErrorKind<<D as DrawingBackend>::ErrorType>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Scale, Scale>>;
type Area<'b> = DrawingArea<SVGBackend<'b>, Shift>;

fn draw<'b>(root: &Area<'b>, zoo: &Zoo, points: &[Point<'_>]) -> Result<(), Failure<SVGBackend<'b>>> {
    let axis = Axis::of(points);
    let means = || points.iter().map(|point| point.mean);
    let bound_at = if zoo.lower_is_better {
        means().fold(100.0, f64::min) + 100.0 * zoo.margin
    } else {
        means().fold(0.0, f64::max) - 100.0 * zoo.margin
    };
    let bound_at = Some(bound_at).filter(|at| (0.0..=100.0).contains(at));
    let lowest = points.iter().map(|point| point.ci[0]).chain(bound_at).fold(100.0, f64::min);
    let highest = points.iter().map(|point| point.ci[1]).chain(bound_at).fold(0.0, f64::max);
    let step = nice((highest - lowest).max(2.0) / 6.0);
    let bottom = ((lowest / step).floor() * step).max(0.0);
    let top = ((highest / step).ceil() * step + 0.4 * step).min(100.0 + 0.4 * step);
    let text = |color: RGBColor| ("sans-serif", TEXT).into_font().color(&color);
    let mut chart = ChartBuilder::on(root)
        .margin(12)
        .margin_right(24)
        .x_label_area_size(46)
        .y_label_area_size(62)
        .build_cartesian_2d(
            Scale { from: axis.from, to: axis.to, ticks: axis.ticks.clone() },
            Scale { from: bottom, to: top, ticks: multiples(bottom, top.min(100.0), step) },
        )?;
    chart
        .configure_mesh()
        .axis_style(MUTED)
        .bold_line_style(GRID)
        .light_line_style(GRID.mix(0.0))
        .label_style(text(MUTED))
        .axis_desc_style(text(INK))
        .x_desc("USD per 1,000 cases")
        .y_desc(format!("{} (%)", clip(&sanitize::line(&words::quality_name(zoo)), NAME)))
        .x_label_formatter(&|place| axis.label(*place))
        .y_label_formatter(&|percent| number(*percent))
        .draw()?;
    let mut taken: Vec<Rect> = Vec::new();
    if let Some(bound_at) = bound_at {
        bound(&mut chart, zoo, bound_at, &axis, &mut taken)?;
    }
    front(&mut chart, points, &axis, &mut taken)?;
    for point in points {
        let place = axis.place(point.usd);
        let color = color(zoo, point);
        let ends = point.ci.map(|bound| bound.clamp(bottom, top));
        chart.draw_series([ErrorBar::new_vertical(
            place,
            ends[0],
            point.mean,
            ends[1],
            color.stroke_width(1),
            9,
        )])?;
        chart.draw_series([Circle::new((place, point.mean), 5, color.filled())])?;
        let (x, y) = chart.backend_coord(&(place, point.mean));
        let (_, high) = chart.backend_coord(&(place, ends[1]));
        let (_, low) = chart.backend_coord(&(place, ends[0]));
        taken.push(Rect { left: x - 6, top: y - 6, right: x + 6, bottom: y + 6 });
        taken.push(Rect { left: x - 3, top: high, right: x + 3, bottom: low });
    }
    for point in points {
        let at = chart.backend_coord(&(axis.place(point.usd), point.mean));
        label(root, point, at, color(zoo, point), &mut taken)?;
    }
    Ok(())
}

fn color(zoo: &Zoo, point: &Point<'_>) -> RGBColor {
    if zoo.answer.named.as_ref() == Some(&point.model.alias) {
        NAMED
    } else if point.model.on_front {
        FRONT
    } else {
        MUTED
    }
}

/// A line at the margin from the best of the sample, on the side of the worse.
fn bound<'b>(
    chart: &mut Chart<'_, 'b>,
    zoo: &Zoo,
    y: f64,
    axis: &Axis,
    taken: &mut Vec<Rect>,
) -> Result<(), Failure<SVGBackend<'b>>> {
    let (dash, gap) = (5, 5);
    chart.draw_series(plotters::prelude::DashedLineSeries::new(
        [(axis.from, y), (axis.to, y)],
        dash,
        gap,
        MUTED.stroke_width(1),
    ))?;
    let style = ("sans-serif", TEXT * 0.85).into_font().color(&MUTED).pos(Pos::new(HPos::Left, VPos::Bottom));
    let (x, y) = chart.backend_coord(&(axis.from, y));
    let side = if zoo.lower_is_better { "above" } else { "below" };
    let words = format!("{} {side} the best here", words::margin(zoo));
    let width = CHARACTER * i32::try_from(words.chars().count()).unwrap_or(0);
    taken.push(Rect { left: x, top: y - 18, right: x + width, bottom: y + 2 });
    let area = chart.plotting_area().strip_coord_spec();
    let (left, top) = area.get_base_pixel();
    area.draw(&Text::new(words, (x - left + 8, y - top - 2), style))
}

/// Stairs over what is as good and as cheap as can be had.
fn front<'b>(
    chart: &mut Chart<'_, 'b>,
    points: &[Point<'_>],
    axis: &Axis,
    taken: &mut Vec<Rect>,
) -> Result<(), Failure<SVGBackend<'b>>> {
    let mut on: Vec<(f64, f64)> = points
        .iter()
        .filter(|point| point.model.on_front)
        .map(|point| (axis.place(point.usd), point.mean))
        .collect();
    on.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut stairs: Vec<(f64, f64)> = Vec::new();
    for (x, y) in on {
        stairs.extend(stairs.last().map(|last| (x, last.1)));
        stairs.push((x, y));
    }
    stairs.extend(stairs.last().map(|last| (axis.to, last.1)));
    let pixels: Vec<(i32, i32)> = stairs.iter().map(|place| chart.backend_coord(place)).collect();
    taken.extend(pixels.windows(2).filter_map(|ends| match ends {
        [a, b] => Some(Rect {
            left: a.0.min(b.0) - 1,
            top: a.1.min(b.1) - 1,
            right: a.0.max(b.0) + 1,
            bottom: a.1.max(b.1) + 1,
        }),
        _ => None,
    }));
    chart.draw_series([PathElement::new(stairs, FRONT.mix(0.55).stroke_width(2))])?;
    Ok(())
}

/// Pixels of the picture that something stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rect {
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
}

impl Rect {
    fn overlap(&self, other: &Self) -> i64 {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        i64::from(width.max(0)) * i64::from(height.max(0))
    }

    fn inside(&self) -> bool {
        let (width, height) = (i32::try_from(SIZE.0).unwrap_or(0), i32::try_from(SIZE.1).unwrap_or(0));
        self.left >= 74 && self.top >= 4 && self.right <= width - 4 && self.bottom <= height - 60
    }
}

/// A name beside its point, where it covers nothing; with a line to it where it had to go further.
fn label<'b>(
    root: &Area<'b>,
    point: &Point<'_>,
    (x, y): (i32, i32),
    color: RGBColor,
    taken: &mut Vec<Rect>,
) -> Result<(), Failure<SVGBackend<'b>>> {
    let name = clip(&sanitize::line(&point.model.alias), NAME);
    let width = CHARACTER * i32::try_from(name.chars().count()).unwrap_or(0);
    let rows = (0..14).flat_map(|row| if row == 0 { vec![0] } else { vec![-row, row] });
    let places = rows.flat_map(|row| [(true, row), (false, row)]);
    let rect = |(right, row): (bool, i32)| {
        let middle = y + 15 * row;
        let left = if right { x + 10 } else { x - 10 - width };
        Rect { left, top: middle - 8, right: left + width, bottom: middle + 8 }
    };
    let covered = |rect: &Rect| taken.iter().map(|other| rect.overlap(other)).sum::<i64>();
    let best = places
        .map(|place| (place, rect(place)))
        .filter(|(_, rect)| rect.inside())
        .min_by_key(|((_, row), rect)| (covered(rect), row.abs()));
    let ((right, row), rect) = best.unwrap_or(((true, 0), rect((true, 0))));
    taken.push(rect);
    let middle = y + 15 * row;
    if row.abs() > 1 {
        let end = if right { rect.left - 2 } else { rect.right + 2 };
        root.draw(&PathElement::new(vec![(x, y), (end, middle)], MUTED.mix(0.6).stroke_width(1)))?;
    }
    let side = if right { HPos::Left } else { HPos::Right };
    let style = ("sans-serif", TEXT).into_text_style(root).color(&color).pos(Pos::new(side, VPos::Center));
    let anchor = if right { rect.left } else { rect.right };
    root.draw(&Text::new(name, (anchor, middle), style))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_sheet_knows_every_colour() {
        let hex = |RGBColor(r, g, b)| format!("#{r:02X}{g:02X}{b:02X}");
        assert_eq!([INK, MUTED, GRID, NAMED, FRONT].map(hex), COLORS.map(|(light, _)| light));
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!([0.7, 1.0, 1.1, 3.0, 6.0].map(|rough| number(nice(rough))), ["1", "1", "2", "5", "10"]);
        assert_eq!(multiples(0.0, 1.0, 0.5).len(), 3);
    }
}
