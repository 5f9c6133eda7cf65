//! JSON by the browser's own reader and writer: those of a Rust library would be a quarter of all the page
//! loads.

use js_sys::{Array, JSON, Object, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};

/// A value out of, or for, JSON text.
#[derive(Clone)]
pub struct Json(JsValue);

impl Json {
    /// Reads a text; what is not JSON is read as an empty object.
    pub fn parse(text: &str) -> Self {
        JSON::parse(text).map_or_else(|_| Self::object(), Self)
    }

    /// An object without members.
    pub fn object() -> Self {
        Self(Object::new().into())
    }

    /// The member of that name, whatever it is.
    pub fn member(&self, name: &str) -> Self {
        Self(Reflect::get(&self.0, &name.into()).unwrap_or(JsValue::UNDEFINED))
    }

    /// The elements of the member of that name; none when it is no array.
    pub fn list(&self, name: &str) -> Vec<Self> {
        let member = self.member(name).0;
        member.dyn_ref::<Array>().map(|array| array.iter().map(Self).collect()).unwrap_or_default()
    }

    /// The text of this value; `None` when it is none.
    pub fn as_text(&self) -> Option<String> {
        self.0.as_string()
    }

    /// The text of the member of that name; `None` when it is none.
    pub fn given(&self, name: &str) -> Option<String> {
        self.member(name).as_text()
    }

    /// The text of the member of that name; empty when it is none.
    pub fn text(&self, name: &str) -> String {
        self.given(name).unwrap_or_default()
    }

    /// The whole number in the member of that name; 0 when there is none.
    pub fn number(&self, name: &str) -> i64 {
        // Saturates, and takes no-number for 0.
        self.member(name).0.as_f64().unwrap_or_default() as i64
    }

    /// Whether the member of that name is true.
    pub fn flag(&self, name: &str) -> bool {
        self.member(name).0.is_truthy()
    }

    /// Sets a member.
    pub fn put(&self, name: &str, value: impl Into<JsValue>) {
        // Fails only for what is no object, and this one is.
        let _ = Reflect::set(&self.0, &name.into(), &value.into());
    }

    /// As a member of another object.
    pub fn into_value(self) -> JsValue {
        self.0
    }

    /// The text of this value.
    pub fn to_text(&self) -> String {
        JSON::stringify(&self.0).ok().and_then(|text| text.as_string()).unwrap_or_default()
    }
}
