-- Draws, entries, claims and what belongs to them. Instants are milliseconds since 1970, UTC.
-- Rules of one entry are repeated here as far as SQL can say them; migrations/rules.toml is the table of
-- rule -> constraint. Lowercasing and Unicode are never left to the database.
--
-- The constraints of a field stand in the order of their names, in which PostgreSQL checks them too: both
-- dialects name the same one. GLOB and length() end at character 0, instr() sees it.

CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE draws (
    id BLOB NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL CONSTRAINT draws_slug_key UNIQUE,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    timezone TEXT NOT NULL,
    opens_at INTEGER NOT NULL,
    closes_at INTEGER NOT NULL,
    draws_at INTEGER,
    mode TEXT NOT NULL CONSTRAINT draws_mode CHECK (mode IN ('lenient', 'strict')),
    capacity INTEGER CONSTRAINT draws_capacity CHECK (capacity > 0),
    terms_url TEXT,
    privacy_url TEXT,
    contact TEXT,
    rules TEXT NOT NULL,
    destinations TEXT NOT NULL,
    state TEXT NOT NULL CONSTRAINT draws_state CHECK (
        state IN ('draft', 'announced', 'closed', 'committed', 'drawn', 'published', 'cancelled')),
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    closed_at INTEGER,
    CONSTRAINT draws_window CHECK (opens_at < closes_at)
) STRICT;

-- One row a live entry. The primary key is guarantee G1: one entry per person per draw.
CREATE TABLE entries (
    draw_id BLOB NOT NULL,
    bucket INTEGER NOT NULL CONSTRAINT entries_bucket CHECK (bucket BETWEEN 0 AND 1023),
    person_key BLOB NOT NULL CONSTRAINT entries_person_key CHECK (length(person_key) = 32),
    id BLOB NOT NULL CONSTRAINT entries_id CHECK (length(id) = 16),
    receipt TEXT NOT NULL CONSTRAINT entries_receipt CHECK (length(receipt) BETWEEN 20 AND 40),
    fingerprint BLOB NOT NULL CONSTRAINT entries_fingerprint CHECK (length(fingerprint) = 32),
    fingerprint_version INTEGER NOT NULL,
    browser_proof BLOB CONSTRAINT entries_browser_proof CHECK (length(browser_proof) = 32),
    full_name TEXT NOT NULL
        CONSTRAINT entries_full_name_characters CHECK (
            instr(full_name, char(0)) = 0
            AND full_name NOT GLOB ('*[' || char(1, 45, 31) || char(127, 45, 159) || char(8232, 45, 8238)
                || char(8294, 45, 8297) || ']*'))
        CONSTRAINT entries_full_name_length CHECK (length(full_name) BETWEEN 1 AND 100)
        CONSTRAINT entries_full_name_trimmed CHECK (
            full_name = trim(full_name, char(32, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198,
                8199, 8200, 8201, 8202, 8239, 8287, 12288)))
        CONSTRAINT entries_full_name_visible CHECK (
            full_name GLOB ('*[^'
                || char(32, 160, 173, 847, 1564, 4447, 4448, 5760, 6068, 6069, 8287, 12288, 12644, 65279, 65440)
                || char(6155, 45, 6159) || char(8192, 45, 8207) || char(8239) || char(8288, 45, 8303)
                || char(65024, 45, 65039) || char(917504, 45, 921599) || ']*')),
    name_key TEXT NOT NULL,
    email TEXT NOT NULL,
    -- Of the address as typed as well: what canonicalisation drops was typed, and mail goes there.
    email_canonical TEXT NOT NULL
        CONSTRAINT entries_email_canonical_length CHECK (length(CAST(email_canonical AS BLOB)) <= 254)
        CONSTRAINT entries_email_characters CHECK (
            instr(email || email_canonical, char(0)) = 0
            AND email || email_canonical NOT GLOB ('*["'
                || char(1, 45, 31) || char(127, 45, 159) || char(8232, 45, 8238) || char(8294, 45, 8297)
                || char(32, 160, 173, 847, 1564, 4447, 4448, 5760, 6068, 6069, 8287, 12288, 12644, 65279, 65440)
                || char(6155, 45, 6159) || char(8192, 45, 8207) || char(8239) || char(8288, 45, 8303)
                || char(65024, 45, 65039) || char(917504, 45, 921599) || ']*'))
        CONSTRAINT entries_email_domain CHECK (
            substr(email_canonical, instr(email_canonical, '@') + 1) GLOB '?*.?*'
            AND substr(email_canonical, instr(email_canonical, '@') + 1) NOT GLOB '*[^a-z0-9.-]*'
            AND substr(email_canonical, instr(email_canonical, '@') + 1) NOT GLOB '*..*'
            AND substr(email_canonical, instr(email_canonical, '@') + 1) NOT GLOB '*[.-]'
            AND substr(email_canonical, instr(email_canonical, '@') + 1) NOT GLOB '[.-]*'
            AND substr(email_canonical, instr(email_canonical, '@') + 1) NOT GLOB '*-.*'
            AND substr(email_canonical, instr(email_canonical, '@') + 1) NOT GLOB '*.-*'
            -- No 64 characters without a dot.
            AND substr(email_canonical, instr(email_canonical, '@') + 1)
                NOT GLOB ('*' || replace(printf('%64s', ''), ' ', '[^.]') || '*'))
        CONSTRAINT entries_email_length CHECK (length(CAST(email AS BLOB)) <= 254)
        CONSTRAINT entries_email_local CHECK (
            length(CAST(substr(email, 1, instr(email, '@') - 1) AS BLOB)) BETWEEN 1 AND 64
            AND length(CAST(substr(email_canonical, 1, instr(email_canonical, '@') - 1) AS BLOB)) BETWEEN 1 AND 64),
    phone TEXT CONSTRAINT entries_phone CHECK (
        instr(phone, char(0)) = 0
        AND length(phone) BETWEEN 9 AND 16 AND phone GLOB '+[1-9]*' AND substr(phone, 2) NOT GLOB '*[^0-9]*'),
    date_of_birth TEXT CONSTRAINT entries_date_of_birth CHECK (
        date_of_birth GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]' AND date(date_of_birth) IS date_of_birth),
    country TEXT CONSTRAINT entries_country CHECK (instr(country, char(0)) = 0 AND country GLOB '[A-Z][A-Z]'),
    postcode TEXT CONSTRAINT entries_postcode CHECK (
        instr(postcode, char(0)) = 0
        AND length(postcode) BETWEEN 2 AND 12 AND postcode NOT GLOB '*[^A-Z0-9 -]*' AND postcode = trim(postcode)),
    category TEXT CONSTRAINT entries_category CHECK (
        instr(category, char(0)) = 0
        AND length(category) BETWEEN 1 AND 64 AND category NOT GLOB ('*[^' || char(32, 45, 126) || ']*')
        AND category = trim(category)),
    session TEXT CONSTRAINT entries_session CHECK (
        instr(session, char(0)) = 0
        AND length(session) BETWEEN 1 AND 64 AND session NOT GLOB ('*[^' || char(32, 45, 126) || ']*')
        AND session = trim(session)),
    party_size INTEGER NOT NULL CONSTRAINT entries_party_size CHECK (party_size BETWEEN 1 AND 100),
    guardian_name TEXT
        CONSTRAINT entries_guardian_name_characters CHECK (
            instr(guardian_name, char(0)) = 0
            AND guardian_name NOT GLOB ('*[' || char(1, 45, 31) || char(127, 45, 159) || char(8232, 45, 8238)
                || char(8294, 45, 8297) || ']*'))
        CONSTRAINT entries_guardian_name_length CHECK (length(guardian_name) BETWEEN 1 AND 100)
        CONSTRAINT entries_guardian_name_trimmed CHECK (
            guardian_name = trim(guardian_name, char(32, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198,
                8199, 8200, 8201, 8202, 8239, 8287, 12288)))
        CONSTRAINT entries_guardian_name_visible CHECK (
            guardian_name GLOB ('*[^'
                || char(32, 160, 173, 847, 1564, 4447, 4448, 5760, 6068, 6069, 8287, 12288, 12644, 65279, 65440)
                || char(6155, 45, 6159) || char(8192, 45, 8207) || char(8239) || char(8288, 45, 8303)
                || char(65024, 45, 65039) || char(917504, 45, 921599) || ']*')),
    -- Visible ASCII without lowercase letters.
    member_id TEXT CONSTRAINT entries_member_id CHECK (
        instr(member_id, char(0)) = 0
        AND length(member_id) BETWEEN 1 AND 40
        AND member_id NOT GLOB ('*[^' || char(33, 45, 96) || char(123, 45, 126) || ']*')),
    terms_version INTEGER NOT NULL,
    registered_at INTEGER NOT NULL,
    ip_prefix BLOB,
    token_age INTEGER,
    retries INTEGER NOT NULL DEFAULT 0,
    last_retry_at INTEGER,
    CONSTRAINT entries_pkey PRIMARY KEY (draw_id, bucket, person_key),
    CONSTRAINT entries_receipt_key UNIQUE (bucket, receipt)
) STRICT;
CREATE INDEX entries_by_time ON entries (draw_id, registered_at, id);
CREATE INDEX entries_by_name ON entries (draw_id, name_key, id);

-- Whatever else at most one entry of a draw may hold. Token claims outlive their entry.
CREATE TABLE claims (
    draw_id BLOB NOT NULL,
    bucket INTEGER NOT NULL CONSTRAINT claims_bucket CHECK (bucket BETWEEN 0 AND 1023),
    kind TEXT NOT NULL CONSTRAINT claims_kind CHECK (kind IN ('token', 'phone', 'member', 'source')),
    claim_key BLOB NOT NULL CONSTRAINT claims_claim_key CHECK (length(claim_key) = 32),
    entry_id BLOB NOT NULL,
    person_key BLOB NOT NULL,
    person_bucket INTEGER NOT NULL,
    CONSTRAINT claims_pkey PRIMARY KEY (draw_id, bucket, kind, claim_key)
) STRICT, WITHOUT ROWID;

-- Entries that ended, without personal data: what a late retry and an old receipt need.
CREATE TABLE withdrawals (
    draw_id BLOB NOT NULL,
    bucket INTEGER NOT NULL CONSTRAINT withdrawals_bucket CHECK (bucket BETWEEN 0 AND 1023),
    id BLOB NOT NULL,
    receipt TEXT NOT NULL,
    person_key BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    fingerprint_version INTEGER NOT NULL,
    browser_proof BLOB,
    category TEXT,
    session TEXT,
    registered_at INTEGER NOT NULL,
    ending TEXT NOT NULL CONSTRAINT withdrawals_ending CHECK (ending IN ('withdrawn', 'removed')),
    ended_at INTEGER NOT NULL,
    reason TEXT,
    CONSTRAINT withdrawals_pkey PRIMARY KEY (draw_id, bucket, id),
    CONSTRAINT withdrawals_receipt_key UNIQUE (bucket, receipt)
) STRICT;
CREATE INDEX withdrawals_by_time ON withdrawals (draw_id, registered_at, id);

-- Live entries of a draw: one row where the draw has a capacity, a row a shard elsewhere.
CREATE TABLE counters (
    draw_id BLOB NOT NULL,
    shard INTEGER NOT NULL,
    taken INTEGER NOT NULL CONSTRAINT counters_taken CHECK (taken >= 0),
    CONSTRAINT counters_pkey PRIMARY KEY (draw_id, shard)
) STRICT, WITHOUT ROWID;

-- What is to be told to others, written with the entry it tells of.
CREATE TABLE outbox (
    id BLOB NOT NULL PRIMARY KEY,
    draw_id BLOB NOT NULL,
    entry_id BLOB NOT NULL,
    destination TEXT NOT NULL,
    child_key TEXT NOT NULL CONSTRAINT outbox_child_key_key UNIQUE,
    state TEXT NOT NULL CONSTRAINT outbox_state CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Long operations: the first request makes the row, a retry with the same key finds it.
CREATE TABLE jobs (
    id BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    draw_id BLOB,
    request_key BLOB NOT NULL CONSTRAINT jobs_request_key_key UNIQUE,
    requested_by TEXT NOT NULL,
    state TEXT NOT NULL CONSTRAINT jobs_state CHECK (state IN ('queued', 'running', 'done', 'failed')),
    done INTEGER NOT NULL,
    total INTEGER,
    result TEXT,
    error TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- Retries caught, by hour and layer; flushed each minute, best effort.
CREATE TABLE caught (
    draw_id BLOB NOT NULL,
    hour INTEGER NOT NULL,
    layer TEXT NOT NULL,
    count INTEGER NOT NULL,
    CONSTRAINT caught_pkey PRIMARY KEY (draw_id, hour, layer)
) STRICT, WITHOUT ROWID;
