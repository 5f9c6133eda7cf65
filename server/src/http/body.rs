//! Reading what a client sends: bounded in size and time, then read strictly.

use std::time::Duration;

use app::models::FormValues;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use shared::{EntryForm, Problem, limits};

use crate::admission::Sent;
use crate::admission::ending::Refusal;
use crate::admission::remembered::press;
use crate::integrators::Credentials;

/// A client that takes longer for 16 KiB is not sending.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// Whether the body is said to be of a type, whatever its parameters.
pub fn is_type(headers: &HeaderMap, wanted: &str) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (types.next(), types.next()) else {
        return false;
    };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(wanted)
}

/// The whole body, if it is small enough and comes in time.
///
/// # Errors
/// `body-too-large` above 16 KiB, `malformed-body` when it does not arrive whole.
pub async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > limits::BODY_BYTES as u64) {
        return Err(Problem::BodyTooLarge.into());
    }
    let collected =
        tokio::time::timeout(READ_TIMEOUT, Limited::new(body, limits::BODY_BYTES).collect()).await;
    match collected {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::BodyTooLarge.into()),
        Ok(Err(_)) | Err(_) => Err(malformed("The body did not arrive whole.")),
    }
}

/// A registration as JSON; only an integrator's may have a sequence.
///
/// # Errors
/// `unsupported-media-type`, `body-too-large`, `malformed-body`.
pub async fn registration_json(
    headers: &HeaderMap,
    body: Body,
    credentials: &Credentials,
) -> Result<Sent, Refusal> {
    if !is_type(headers, "application/json") {
        return Err(Problem::UnsupportedMediaType.into());
    }
    let bytes = read(headers, body).await?;
    read_registration(&bytes, credentials)
}

/// Reads the bytes of a registration as JSON; only an integrator's may have a sequence.
///
/// # Errors
/// `malformed-body`.
pub fn read_registration(bytes: &[u8], credentials: &Credentials) -> Result<Sent, Refusal> {
    // serde reads a struct from an array as well; a registration is an object.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(malformed("The body is not a JSON object."));
    }
    let read = match credentials {
        Credentials::ApiKey(_) => {
            serde_json::from_slice(bytes).map(|registration| Sent { registration, press: None })
        }
        Credentials::Anonymous | Credentials::Malformed => serde_json::from_slice::<EntryForm>(bytes)
            .map(|form| Sent { registration: form.into(), press: Some(press(bytes)) }),
    };
    read.map_err(|error| malformed(&format!("The body is not a registration: {error}.")))
}

/// A form as browsers send it without JavaScript: the page token, and every text as it was typed.
#[derive(Clone, Debug, Default)]
pub struct PostedForm {
    /// The page token; empty when it was not sent.
    pub token: String,
    /// What was typed.
    pub values: FormValues,
}

/// The bytes of a form that is text: what is not UTF-8 is refused, never replaced.
///
/// # Errors
/// `body-too-large`, `malformed-body`.
pub async fn read_form(headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    let bytes = read(headers, body).await?;
    // Separators are ASCII, so the whole is UTF-8 exactly when every part is.
    if percent_encoding::percent_decode(&bytes).decode_utf8().is_err() {
        return Err(malformed("The form is not UTF-8."));
    }
    Ok(bytes)
}

/// Reads a form.
///
/// # Errors
/// `unsupported-media-type`, `body-too-large`, `malformed-body` (also for unknown and repeated fields).
pub async fn entry_form(headers: &HeaderMap, body: Body) -> Result<PostedForm, Refusal> {
    if !is_type(headers, "application/x-www-form-urlencoded") {
        let detail = Some("Send the form as application/x-www-form-urlencoded.".to_owned());
        return Err(Refusal { detail, ..Problem::UnsupportedMediaType.into() });
    }
    let bytes = read_form(headers, body).await?;
    let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(&bytes)
        .map_err(|error| malformed(&format!("The form cannot be read: {error}.")))?;
    let mut form = PostedForm::default();
    let mut seen = std::collections::HashSet::new();
    for (name, value) in fields {
        if !seen.insert(name.clone()) {
            return Err(malformed("The form has a field twice."));
        }
        form.put(&name, value).map_err(|()| malformed("The form has a field that was not asked for."))?;
    }
    Ok(form)
}

impl PostedForm {
    fn put(&mut self, name: &str, value: String) -> Result<(), ()> {
        let values = &mut self.values;
        let field = match name {
            "token" => &mut self.token,
            "full_name" => &mut values.full_name,
            "email" => &mut values.email,
            "phone" => &mut values.phone,
            "date_of_birth" => &mut values.date_of_birth,
            "country" => &mut values.country,
            "postcode" => &mut values.postcode,
            "category" => &mut values.category,
            "session" => &mut values.session,
            "party_size" => &mut values.party_size,
            "guardian_name" => &mut values.guardian_name,
            "member_id" => &mut values.member_id,
            "accept_terms" => {
                values.accept_terms = matches!(value.as_str(), "true" | "on");
                return Ok(());
            }
            _ => return Err(()),
        };
        *field = value;
        Ok(())
    }
}

fn malformed(why: &str) -> Refusal {
    Refusal { detail: Some(why.to_owned()), ..Problem::MalformedBody.into() }
}
