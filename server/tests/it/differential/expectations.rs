//! What the table rule -> constraint says has to become of a row.

use std::collections::BTreeSet;

use super::candidates::{Candidate, Columns};
use crate::constraints::{Rule, Table};

/// What both databases have to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Store it.
    Stored,
    /// Refuse it, by one of these constraints.
    Refused(BTreeSet<String>),
    /// Whatever they do, do the same: the rules did not look at the value. If they refuse it, by one of these.
    Either(BTreeSet<String>),
}

/// What has to become of a row.
///
/// # Panics
/// When the table does not know the complaint.
pub fn expected(row: &Candidate, table: &Table) -> Expected {
    let Some(complaint) = &row.complaint else { return Expected::Stored };
    let rules = || table.rule.iter().filter(|rule| rule.codes.contains(complaint));
    assert!(rules().next().is_some(), "{complaint}: no rule in the table is complained by it");
    let constraints = |rule: &Rule| rule.constraint.clone();
    let by: BTreeSet<String> = rules().filter_map(constraints).collect();
    let has_reason = rules().any(|rule| rule.server_only.is_some());
    let (field, code) = complaint.split_once('/').expect("field/code");
    if code == "not-asked" {
        let of_field = |rule: &&Rule| rule.codes.iter().any(|code| code.split('/').next() == Some(field));
        return Expected::Either(table.rule.iter().filter(of_field).filter_map(constraints).collect());
    }
    if by.is_empty() || has_reason && is_servers_own(complaint, &row.columns) {
        return Expected::Stored;
    }
    // A value can break several rules of its field at once, and is complained about by the first. Only addresses
    // have rules whose order is another one than that of their constraints.
    if field == "email" {
        let of_email = |rule: &&Rule| rule.codes.iter().any(|code| code.starts_with("email/"));
        let all: BTreeSet<String> = table.rule.iter().filter(of_email).filter_map(constraints).collect();
        return Expected::Refused(all);
    }
    Expected::Refused(by)
}

/// Of a complaint that rules with a constraint share with one that only the server keeps: whether it is the
/// latter alone that this row breaks.
fn is_servers_own(complaint: &str, row: &Columns) -> bool {
    let is_all = |value: &Option<String>, lengths: std::ops::RangeInclusive<usize>, fits: fn(u8) -> bool| {
        let fits = |text: &String| lengths.contains(&text.len()) && text.bytes().all(fits);
        value.as_ref().is_some_and(fits)
    };
    let is_printed = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    match complaint {
        "full_name/as-typed" => is_fit_for_nfc(&row.full_name),
        "guardian_name/as-typed" => row.guardian_name.as_deref().is_some_and(is_fit_for_nfc),
        "guardian_name/required" => row.guardian_name.is_none(),
        "email/as-typed" => is_fit_for_lowercase(&row.email),
        "country/country" => is_all(&row.country, 2..=2, |byte| byte.is_ascii_uppercase()),
        "category/category" => is_all(&row.category, 1..=64, is_printed),
        "session/session" => is_all(&row.session, 1..=64, is_printed),
        "member_id/member-id" => {
            is_all(&row.member_id, 1..=40, |byte| byte.is_ascii_graphic() && !byte.is_ascii_lowercase())
        }
        "party_size/party-size" => (1..=100).contains(&row.party_size),
        _ => false,
    }
}

/// Whether a name that the rules accept lacks nothing but being composed.
fn is_fit_for_nfc(name: &str) -> bool {
    name.trim() == name && name.chars().count() <= 100
}

/// Whether an address that the rules accept lacks nothing that SQL could say.
fn is_fit_for_lowercase(address: &str) -> bool {
    let (local, domain) = address.split_once('@').unwrap_or_default();
    let is_lowercase = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    address.trim() == address && address.len() <= 254 && local.len() <= 64 && domain.bytes().all(is_lowercase)
}

/// Whether a row holds what PostgreSQL's types cannot.
pub fn is_unrepresentable(row: &Candidate, sqlstate: &str) -> bool {
    match sqlstate {
        "22021" => row.columns.texts().any(|text| text.contains('\0')),
        "22003" => i32::try_from(row.columns.party_size).is_err(),
        _ => false,
    }
}
