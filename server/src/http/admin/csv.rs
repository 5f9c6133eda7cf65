//! `GET /admin/draws/{slug}/entries.csv`, and the same file for the command line.
//!
//! Entries are read in chunks, so that a million of them need no more memory than a hundred. While one chunk is written
//! the next is read: the database and this process work at the same time.
//!
//! A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` as a formula, and what entrants type
//! ends up in cells. Such a cell gets an apostrophe in front (OWASP, "CSV Injection"). That goes for phone
//! numbers as well, which all begin with `+`: a program that reads the file drops a leading apostrophe.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse as _;
use bytes::Bytes;
use futures_util::stream::{once, try_unfold};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use shared::text::is_invisible;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::draw;
use super::guard::Organiser;
use crate::http::{HttpResult, NO_STORE};
use crate::receipt::rfc3339;
use crate::state::App;
use crate::store::listing::{ExportedEntry, Position};
use crate::store::organisers::Deed;
use crate::store::{Store, StoreError, StoreResult};
use crate::telemetry;

/// Entries read at a time: so many that planning the query is little beside running it.
const CHUNK: u32 = 4000;

/// The first line.
pub const COLUMNS: [&str; 14] = [
    "receipt",
    "entry_id",
    "registered_at",
    "full_name",
    "email",
    "phone",
    "date_of_birth",
    "country",
    "postcode",
    "category",
    "session",
    "party_size",
    "guardian_name",
    "member_id",
];

/// An export that did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It could not be written.
    #[error("the export could not be written")]
    Io(#[from] std::io::Error),
    /// The entries could not be read.
    #[error("the entries could not be read")]
    Store(#[from] StoreError),
}

/// The download. That somebody took the entries along is written down before the first line is sent.
///
/// # Errors
/// `draw-not-found`; when the store fails. A failure half-way breaks the connection off, so that no browser
/// takes a part for the whole.
pub async fn download(State(app): State<App>, Path(slug): Path<String>, organiser: Organiser) -> HttpResult {
    let draw = draw(&app, &slug).await?;
    let actor = organiser.actor();
    let deed = Deed { actor: &actor, action: "entries exported", draw: Some(draw.id), subject: None };
    app.store.record(deed).await?;
    let lines = lines(Arc::clone(&app.store), draw.id).inspect_err(|error| {
        tracing::error!(error = %telemetry::causes(error), "an export broke off");
    });
    let name = format!("attachment; filename=\"{}-entries.csv\"", draw.spec.slug);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment")),
        ),
        NO_STORE,
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

/// Writes the file.
///
/// # Errors
/// See [`ExportError`]; what was written before stays written.
pub async fn write_to(
    store: Arc<dyn Store>,
    draw: Uuid,
    mut to: impl AsyncWrite + Unpin,
) -> Result<(), ExportError> {
    let mut lines = std::pin::pin!(lines(store, draw));
    while let Some(chunk) = lines.try_next().await? {
        to.write_all(&chunk).await?;
    }
    Ok(to.flush().await?)
}

/// An export under way.
struct Export {
    store: Arc<dyn Store>,
    draw: Uuid,
    /// The chunk that is being read; nothing when all have been. Given up with the export.
    reading: JoinSet<StoreResult<Vec<ExportedEntry>>>,
}

impl Export {
    /// Begins to read the entries after a position.
    fn read(&mut self, after: Option<Position<i64>>) {
        let (store, draw) = (Arc::clone(&self.store), self.draw);
        self.reading.spawn(async move { store.export_chunk(draw, after.as_ref(), CHUNK).await });
    }

    /// The next chunk, after which the one behind it is being read.
    async fn chunk(&mut self) -> StoreResult<Option<Vec<ExportedEntry>>> {
        let entries = match self.reading.join_next().await {
            None => return Ok(None),
            Some(Ok(entries)) => entries?,
            // It panicked, which has been told.
            Some(Err(_)) => return Err(StoreError::Unavailable(sqlx::Error::WorkerCrashed)),
        };
        if let Some(last) = entries.last()
            && entries.len() == CHUNK as usize
        {
            self.read(Some(Position { key: last.registered_at, id: last.id }));
        }
        Ok((!entries.is_empty()).then_some(entries))
    }
}

/// A header line, and a line for each entry that is live when its chunk is read, in order of registration.
pub fn lines(store: Arc<dyn Store>, draw: Uuid) -> impl Stream<Item = StoreResult<Bytes>> + Send {
    let header = async { text([COLUMNS.map(str::to_owned)]) };
    let export = Export { store, draw, reading: JoinSet::new() };
    let chunks = try_unfold((export, true), |(mut export, is_first)| async move {
        if is_first {
            export.read(None);
        }
        let Some(entries) = export.chunk().await? else {
            return Ok(None);
        };
        Ok(Some((text(entries.into_iter().map(record))?, (export, false))))
    });
    once(header).chain(chunks)
}

/// One entry's cells.
fn record(entry: ExportedEntry) -> [String; 14] {
    [
        entry.receipt,
        entry.id.to_string(),
        rfc3339(entry.registered_at),
        entry.full_name,
        entry.email,
        entry.phone.unwrap_or_default(),
        entry.date_of_birth.unwrap_or_default(),
        entry.country.unwrap_or_default(),
        entry.postcode.unwrap_or_default(),
        entry.category.unwrap_or_default(),
        entry.session.unwrap_or_default(),
        entry.party_size.to_string(),
        entry.guardian_name.unwrap_or_default(),
        entry.member_id.unwrap_or_default(),
    ]
}

fn text(records: impl IntoIterator<Item = [String; 14]>) -> StoreResult<Bytes> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    for record in records {
        writer.write_record(record.map(harmless)).map_err(StoreError::corrupt)?;
    }
    Ok(writer.into_inner().map_err(StoreError::corrupt)?.into())
}

/// A cell that no spreadsheet runs: with an apostrophe in front where it would be read as a formula. White
/// space and invisible characters in front are looked through, and the full-width forms, which some
/// spreadsheets take as well, count.
pub fn harmless(cell: String) -> String {
    // Most cells, and all of an export's own.
    if cell.as_bytes().first().is_none_or(u8::is_ascii_alphanumeric) {
        return cell;
    }
    let begins_with_control = cell.starts_with(['\t', '\r', '\n']);
    let visible = cell.trim_start_matches(|c: char| is_invisible(c) || c.is_control());
    let is_formula = visible.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '−']);
    if begins_with_control || is_formula { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for formula in [
            "=1+1",
            "+44 1632",
            "-1",
            "@SUM(A1)",
            " =1",
            "\u{a0}=1",
            "\u{200b}=1",
            "\t=1",
            "\tx",
            "\rx",
            "＝1",
            "＋1",
            "－1",
            "＠x",
            "−1",
        ] {
            assert_eq!(harmless(formula.to_owned()), format!("'{formula}"), "{formula:?}");
        }
        for plain in ["", "Ada", "O'Neil", "a=b", "1-2", "2026-06-01", "x@y.z", "'=1"] {
            assert_eq!(harmless(plain.to_owned()), plain);
        }
    }

    #[test]
    fn separators_and_quotes_stay_inside_their_cell() {
        let mut cells = [const { String::new() }; 14];
        cells[3] = "Lovelace, \"Ada\"".to_owned();
        let line = text([cells]).expect("written");
        assert_eq!(line, ",,,\"Lovelace, \"\"Ada\"\"\",,,,,,,,,,\n");
    }
}
