//! What a receipt says.

use model::reference::values::Entry;
use server::receipt;

/// A receipt's body, read.
#[derive(Debug, PartialEq, Eq)]
pub struct Receipt {
    pub receipt: String,
    pub draw: String,
    pub entry_id: String,
    pub state: String,
    pub registered_at: String,
}

/// Reads a body: five texts, and nothing else.
pub fn read(body: &[u8]) -> Receipt {
    let body: serde_json::Value = serde_json::from_slice(body).expect("a receipt is JSON");
    let members = body.as_object().expect("a receipt is an object");
    assert_eq!(members.len(), 5, "{body}");
    let text = |name: &str| members[name].as_str().expect("a receipt's members are texts").to_owned();
    Receipt {
        receipt: text("receipt"),
        draw: text("draw"),
        entry_id: text("entry_id"),
        state: text("state"),
        registered_at: text("registered_at"),
    }
}

impl Receipt {
    /// Its entry's id as the database writes it: 32 hexadecimal digits.
    pub fn id(&self) -> String {
        self.entry_id.replace('-', "")
    }

    /// Whether it says of an entry what it has to say.
    pub fn is_of(&self, entry: &Entry, slug: &str) -> bool {
        self.draw == slug
            && self.state == "registered"
            && self.registered_at == receipt::rfc3339(entry.registered_at)
            && receipt::bucket_of(&self.receipt).is_some()
    }
}
