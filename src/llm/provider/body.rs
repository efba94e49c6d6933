//! A JSON request body written in one go from what is asked; nothing is copied on the way.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::fault::Fault;
use crate::llm::{Failure, Request};

/// The parameter whose entries go into the body as they are.
const EXTRA: &str = "extra";

/// The members of a body, written in order. What the configuration's `extra` names is the user's own word and wins.
pub(super) struct Members<'a, M> {
    map: M,
    extra: Option<&'a Map<String, Value>>,
    /// Names whose values were joined with those of `extra`.
    joined: Vec<&'static str>,
}

impl<M: SerializeMap> Members<'_, M> {
    /// One member, unless `extra` has it.
    pub(super) fn add<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), M::Error> {
        if self.extra.is_some_and(|extra| extra.contains_key(name)) {
            return Ok(());
        }
        self.map.serialize_entry(name, value)
    }

    /// One member that is an object: joined with what `extra` has under the same name.
    pub(super) fn add_object(
        &mut self,
        name: &'static str,
        mut value: Map<String, Value>,
    ) -> Result<(), M::Error> {
        match self.extra.and_then(|extra| extra.get(name)) {
            Some(Value::Object(more)) => {
                value.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
                self.joined.push(name);
                self.map.serialize_entry(name, &value)
            }
            Some(_) => Ok(()),
            None => self.map.serialize_entry(name, &value),
        }
    }
}

/// A protocol's request.
pub(super) trait Body {
    /// What is asked.
    fn request(&self) -> &Request;

    /// Every member but those of `extra`.
    fn members<M: SerializeMap>(&self, members: &mut Members<'_, M>) -> Result<(), M::Error>;
}

struct Written<'a, B>(&'a B);

impl<B: Body> Serialize for Written<'_, B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let extra = self.0.request().params.get(EXTRA).and_then(Value::as_object);
        let mut members = Members { map: serializer.serialize_map(None)?, extra, joined: Vec::new() };
        self.0.members(&mut members)?;
        for (name, value) in extra.into_iter().flatten() {
            if !members.joined.contains(&name.as_str()) {
                members.map.serialize_entry(name, value)?;
            }
        }
        members.map.end()
    }
}

/// The bytes of a request.
pub(super) fn write(body: &impl Body) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(&Written(body))
        .map_err(|error| Fault::new(Failure::Refused, format!("the request is no JSON: {error}")))
}

/// The parameters but `extra`.
pub(super) fn params(request: &Request) -> impl Iterator<Item = (&str, &Value)> {
    request.params.iter().map(|(name, value)| (name.as_str(), value)).filter(|(name, _)| *name != EXTRA)
}
