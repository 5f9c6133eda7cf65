//! Accounts, sign-ins and the audit list.

use shared::contact::Email;

use super::{Bench, HOUR};
use crate::secrets::Digest;
use crate::store::draws::Actor;
use crate::store::listing::Window;
use crate::store::organisers::{Added, Deed, NewSignIn, Organiser};

pub(super) async fn run(bench: &Bench) {
    an_account_is_one_canonical_address(bench).await;
    a_sign_in_ends_by_itself_by_its_successor_and_by_another_password(bench).await;
    the_audit_list_is_read_in_pages(bench).await;
}

impl Bench {
    async fn organiser(&self, address: &str) -> Organiser {
        let email = Email::parse(address).expect("an address");
        let added = self.store.add_organiser(&email, "$hash", &Actor::CommandLine).await.expect("adds");
        assert_eq!(added, Added::Created);
        self.store.credentials(&email.canonical).await.expect("reads").expect("is there").organiser
    }

    async fn sign_in(&self, organiser: &Organiser, token: u8, replaces: Option<Digest>) {
        let sign_in = NewSignIn {
            token: [token; 32],
            organiser: organiser.clone(),
            expires_at: self.ambient.now() + HOUR,
            replaces,
        };
        self.store.add_sign_in(&sign_in).await.expect("signs in");
    }

    async fn is_signed_in(&self, token: u8) -> bool {
        self.store.signed_in(&[token; 32]).await.expect("reads").is_some()
    }
}

async fn an_account_is_one_canonical_address(bench: &Bench) {
    let organiser = bench.organiser("Olga.Organiser@GoogleMail.com").await;
    assert_eq!(organiser.email, "Olga.Organiser@GoogleMail.com");
    let same = Email::parse("olgaorganiser+x@gmail.com").expect("an address");
    let again = bench.store.add_organiser(&same, "$other", &Actor::CommandLine).await.expect("answers");
    assert_eq!(again, Added::Exists);
    let found = bench.store.credentials(&same.canonical).await.expect("reads").expect("is there");
    assert_eq!((&found.organiser, &*found.password_hash), (&organiser, "$hash"));
    assert!(bench.store.credentials("nobody@example.org").await.expect("reads").is_none());
    assert!(bench.store.credentials("' OR '1'='1").await.expect("reads").is_none());
    assert!(!format!("{found:?}").contains("$hash"), "a hash is never printed");
}

async fn a_sign_in_ends_by_itself_by_its_successor_and_by_another_password(bench: &Bench) {
    let organiser = bench.organiser("signs-in@example.org").await;
    bench.sign_in(&organiser, 1, None).await;
    assert!(bench.is_signed_in(1).await);
    bench.sign_in(&organiser, 2, Some([1; 32])).await;
    assert!(!bench.is_signed_in(1).await && bench.is_signed_in(2).await);
    bench.clock.advance(HOUR);
    assert!(!bench.is_signed_in(2).await, "expired");
    let other = bench.organiser("other@example.org").await;
    bench.sign_in(&organiser, 3, None).await;
    bench.sign_in(&organiser, 4, None).await;
    bench.sign_in(&other, 5, None).await;
    let actor = Actor::Organiser(organiser.email.clone());
    assert!(bench.store.change_password(organiser.id, "$new", &actor).await.expect("changes"));
    assert!(!bench.is_signed_in(3).await && !bench.is_signed_in(4).await && bench.is_signed_in(5).await);
    let known = bench.store.credentials_of(organiser.id).await.expect("reads").expect("is there");
    assert_eq!(known.password_hash, "$new");
    let nobody = bench.ambient.new_id();
    assert!(!bench.store.change_password(nobody, "$new", &actor).await.expect("answers"));
    for _ in 0..2 {
        bench.store.end_sign_in(&[5; 32]).await.expect("ends");
    }
    assert!(!bench.is_signed_in(5).await);
}

async fn the_audit_list_is_read_in_pages(bench: &Bench) {
    let draw = bench.draw("audited", |_| {}).await;
    for at in 0..60 {
        let subject = at.to_string();
        let actor = Actor::Organiser("olga@example.org".to_owned());
        let deed = Deed { actor: &actor, action: "counted", draw: Some(draw.id), subject: Some(&subject) };
        bench.store.record(deed).await.expect("writes");
        bench.clock.advance(i64::from(at % 2 == 0));
    }
    let first = bench.store.audit_lines(&Window::First).await.expect("reads");
    let next = first.next.clone().expect("more than a page");
    let second = bench.store.audit_lines(&Window::After(next)).await.expect("reads");
    let counted = first.rows.iter().chain(&second.rows).filter(|line| line.action == "counted");
    assert_eq!(counted.clone().count(), 60);
    assert!(counted.clone().all(|line| line.draw.as_deref() == Some("audited")));
    assert!(
        first.rows.iter().chain(&second.rows).is_sorted_by_key(|line| std::cmp::Reverse((line.at, line.id)))
    );
    let back = bench.store.audit_lines(&Window::Before(second.previous.expect("not the first"))).await;
    assert_eq!(back.expect("reads").rows, first.rows);
}
