//! Where a key path stands in a YAML text. A second pass over the text stops at the key in question by failing
//! there on purpose, so `serde_yaml` itself is the only judge of positions.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Step;

/// 1-based line and column of a path in a YAML text: of the key for a mapping entry, of the item for a list.
/// `occurrence` picks among equal keys (0 = first).
pub(super) fn locate(text: &str, path: &[Step], occurrence: usize) -> Option<(usize, usize)> {
    let seed = Probe { path, occurrence };
    match seed.deserialize(serde_yaml::Deserializer::from_str(text)) {
        Ok(()) => None,
        Err(error) => error.location().map(|at| (at.line(), at.column())),
    }
}

/// Walks to a path and fails there on purpose: the reader attaches the position to the error.
struct Probe<'a> {
    path: &'a [Step],
    occurrence: usize,
}

const HERE: &str = "here";

impl<'de> DeserializeSeed<'de> for Probe<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Probe<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HERE)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Some((Step::Index(want), rest)) = self.path.split_first() else {
            return Err(de::Error::custom(HERE));
        };
        for _ in 0..*want {
            if seq.next_element::<IgnoredAny>()?.is_none() {
                return Err(de::Error::custom(HERE));
            }
        }
        seq.next_element_seed(Probe { path: rest, occurrence: self.occurrence })?;
        Err(de::Error::custom(HERE))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Step::Key(want), rest)) = self.path.split_first() else {
            return Err(de::Error::custom(HERE));
        };
        let mut to_skip = if rest.is_empty() { self.occurrence } else { 0 };
        while let Some(hit) = map.next_key_seed(ProbeKey { want, fail: rest.is_empty() && to_skip == 0 })? {
            if hit && to_skip > 0 {
                to_skip -= 1;
                map.next_value::<IgnoredAny>()?;
            } else if hit {
                return map.next_value_seed(Probe { path: rest, occurrence: self.occurrence });
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Err(de::Error::custom(HERE))
    }
}

struct ProbeKey<'a> {
    want: &'a str,
    fail: bool,
}

impl<'de> DeserializeSeed<'de> for ProbeKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for ProbeKey<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HERE)
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<bool, E> {
        if key == self.want && self.fail {
            return Err(E::custom(HERE));
        }
        Ok(key == self.want)
    }
}
