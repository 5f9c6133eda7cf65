-- Who may look after draws, and what they did.

CREATE TABLE organisers (
    id UUID NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    email_canonical TEXT NOT NULL CONSTRAINT organisers_email_key UNIQUE,
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- A signed-in browser. The cookie's value is never stored, only its hash.
CREATE TABLE sign_ins (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    organiser_id UUID NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sign_ins_by_organiser ON sign_ins (organiser_id);

CREATE TABLE audit (
    id UUID NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    draw_id UUID,
    subject TEXT,
    detail TEXT
);
CREATE INDEX audit_by_time ON audit (at, id);

CREATE TABLE api_keys (
    id UUID NOT NULL PRIMARY KEY,
    name TEXT NOT NULL CONSTRAINT api_keys_name_key UNIQUE,
    key_hash BYTEA NOT NULL CONSTRAINT api_keys_key_hash_key UNIQUE,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);
