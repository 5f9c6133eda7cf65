//! The form on which organisers edit a draw, and the version it follows.

use axum::http::header;
use server::draws::{Standing, Step, check};
use server::http::admin::edit::{Sent, precondition, texts};
use server::store::Draw;
use server::store::draws::Expected;
use shared::DrawState;

use crate::input::Input;
use crate::world::DRAWS;

/// What is accepted is right, and saved again unchanged is the same; what is not touched of it stays as it is.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut draw: Draw = (**input.choose(&DRAWS)).clone();
    draw.state = *input.choose(&[DrawState::Draft, DrawState::Announced, DrawState::Closed]);
    let body = match input.byte() % 2 {
        0 => input.rest().to_vec(),
        _ => match built(input, &draw) {
            Some(body) => body.into_bytes(),
            None => return,
        },
    };
    let Ok(Sent { version, values }) = serde_urlencoded::from_bytes(&body) else { return };
    follows(input, version.as_deref());

    texts::compare(&texts::of(&draw), &values);
    let Ok(details) = texts::read(&values, &draw).inspect_err(|errors| assert!(!errors.is_empty())) else {
        return;
    };
    assert_eq!(check::details(&details), []);
    let any = Expected::Any;
    let standing = Standing { taken: 0, entered: true };
    let stored = Draw { spec: draw.spec.with(details.clone()), version: draw.version + 1, ..draw.clone() };
    match Step::of_form(&draw, &details, &any, standing) {
        Step::Store { spec, .. } => assert_eq!(*spec, stored.spec),
        Step::Leave => assert_eq!(stored.spec, draw.spec),
        Step::Refuse(_) => return,
        Step::Conflict => panic!("nobody else edits here"),
    }
    assert_eq!(
        texts::read(&texts::of(&stored), &stored),
        Ok(details.clone()),
        "as it is shown, so it is read"
    );
    assert_eq!(Step::of_form(&stored, &details, &any, standing), Step::Leave, "the same edit, sent again");
}

/// The form as it is shown, with other texts in some fields: lines, by turns a field's first letters and its text.
fn built(input: Input<'_>, draw: &Draw) -> Option<String> {
    let shown = texts::of(draw);
    let mut fields = vec![("version".to_owned(), draw.version.to_string())];
    let parts = app::pages::admin::models::edit::PARTS;
    fields.extend(parts.iter().map(|(part, _)| ((*part).to_owned(), shown.text(part).to_owned())));
    let mut lines = input.text()?.split('\n');
    while let (Some(name), Some(text)) = (lines.next(), lines.next()) {
        if let Some((_, value)) = fields.iter_mut().find(|(field, _)| field.starts_with(name)) {
            *value = text.replace('\u{b6}', "\n");
        }
    }
    serde_urlencoded::to_string(&fields).ok()
}

/// A version that a field names alone may be stored alone.
fn follows(input: Input<'_>, version: Option<&str>) {
    let headers = input.header(header::IF_MATCH);
    let typed = version.and_then(|text| text.trim().parse::<i64>().ok());
    match precondition::expected(&headers, version) {
        Ok(Expected::Any) => assert!(version.is_none() && headers.contains_key(header::IF_MATCH)),
        Ok(Expected::OneOf(versions)) => {
            assert!(typed.is_none_or(|typed| versions.iter().all(|version| *version == typed)));
            let tag = |version: &i64| {
                let tag = precondition::etag(*version);
                let mut lines = headers.get_all(header::IF_MATCH).iter();
                lines.any(|line| line.to_str().is_ok_and(|line| line.contains(&tag) || line.trim() == "*"))
            };
            assert!(!headers.contains_key(header::IF_MATCH) || versions.iter().all(tag), "{versions:?}");
        }
        Err(_) => assert!(typed.is_none()),
    }
}
