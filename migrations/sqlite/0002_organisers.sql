-- Who may look after draws, and what they did.

CREATE TABLE organisers (
    id BLOB NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    email_canonical TEXT NOT NULL CONSTRAINT organisers_email_key UNIQUE,
    password_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- A signed-in browser. The cookie's value is never stored, only its hash.
CREATE TABLE sign_ins (
    token_hash BLOB NOT NULL PRIMARY KEY,
    organiser_id BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_ins_by_organiser ON sign_ins (organiser_id);

CREATE TABLE audit (
    id BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    draw_id BLOB,
    subject TEXT,
    detail TEXT
) STRICT;
CREATE INDEX audit_by_time ON audit (at, id);

CREATE TABLE api_keys (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL CONSTRAINT api_keys_name_key UNIQUE,
    key_hash BLOB NOT NULL CONSTRAINT api_keys_key_hash_key UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
