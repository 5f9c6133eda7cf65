-- Draws, entries, claims and what belongs to them: the same tables, columns and unique keys as in SQLite.
-- Instants are milliseconds since 1970, UTC. Rules of one entry are repeated here as far as SQL can say them;
-- migrations/rules.toml is the table of rule -> constraint. Lowercasing and Unicode are never left to the
-- database: what is compared, is compared by code point.
--
-- Entries and claims are partitioned by bucket, which is part of their primary keys. Beyond one machine the same
-- column is what Citus distributes by; draws is a reference table then.

CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);

CREATE TABLE draws (
    id UUID NOT NULL PRIMARY KEY,
    slug TEXT COLLATE "C" NOT NULL CONSTRAINT draws_slug_key UNIQUE,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    timezone TEXT NOT NULL,
    opens_at BIGINT NOT NULL,
    closes_at BIGINT NOT NULL,
    draws_at BIGINT,
    mode TEXT NOT NULL CONSTRAINT draws_mode CHECK (mode IN ('lenient', 'strict')),
    capacity BIGINT CONSTRAINT draws_capacity CHECK (capacity > 0),
    terms_url TEXT,
    privacy_url TEXT,
    contact TEXT,
    rules TEXT NOT NULL,
    destinations TEXT NOT NULL,
    state TEXT NOT NULL CONSTRAINT draws_state CHECK (
        state IN ('draft', 'announced', 'closed', 'committed', 'drawn', 'published', 'cancelled')),
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    closed_at BIGINT,
    CONSTRAINT draws_window CHECK (opens_at < closes_at)
);

-- One row a live entry. The primary key is guarantee G1: one entry per person per draw.
CREATE TABLE entries (
    draw_id UUID NOT NULL,
    bucket INTEGER NOT NULL CONSTRAINT entries_bucket CHECK (bucket BETWEEN 0 AND 1023),
    person_key BYTEA NOT NULL CONSTRAINT entries_person_key CHECK (octet_length(person_key) = 32),
    -- A UUID has 16 bytes; the constraint has its counterpart in SQLite.
    id UUID NOT NULL CONSTRAINT entries_id CHECK (octet_length(uuid_send(id)) = 16),
    receipt TEXT COLLATE "C" NOT NULL
        CONSTRAINT entries_receipt CHECK (char_length(receipt) BETWEEN 20 AND 40),
    fingerprint BYTEA NOT NULL CONSTRAINT entries_fingerprint CHECK (octet_length(fingerprint) = 32),
    fingerprint_version SMALLINT NOT NULL,
    browser_proof BYTEA CONSTRAINT entries_browser_proof CHECK (octet_length(browser_proof) = 32),
    -- PostgreSQL's text holds no character 0 at all.
    full_name TEXT COLLATE "C" NOT NULL
        CONSTRAINT entries_full_name_characters CHECK (
            full_name !~ '[\u0001-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069]')
        CONSTRAINT entries_full_name_length CHECK (char_length(full_name) BETWEEN 1 AND 100)
        CONSTRAINT entries_full_name_trimmed CHECK (
            full_name !~ '^[ \u00A0\u1680\u2000-\u200A\u202F\u205F\u3000]'
            AND full_name !~ '[ \u00A0\u1680\u2000-\u200A\u202F\u205F\u3000]$')
        CONSTRAINT entries_full_name_visible CHECK (
            full_name ~ ('[^ \u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F'
                || '\u2000-\u200F\u202F\u205F-\u206F\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\U000E0000-\U000E0FFF]')),
    name_key TEXT COLLATE "C" NOT NULL,
    email TEXT COLLATE "C" NOT NULL,
    -- Of the address as typed as well: what canonicalisation drops was typed, and mail goes there.
    email_canonical TEXT COLLATE "C" NOT NULL
        CONSTRAINT entries_email_canonical_length CHECK (octet_length(email_canonical) <= 254)
        CONSTRAINT entries_email_characters CHECK (
            (email || email_canonical) !~ ('["\u0001-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069'
                || ' \u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F'
                || '\u2000-\u200F\u202F\u205F-\u206F\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\U000E0000-\U000E0FFF]'))
        CONSTRAINT entries_email_domain CHECK (
            substr(email_canonical, strpos(email_canonical, '@') + 1)
                ~ '^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$'
            AND substr(email_canonical, strpos(email_canonical, '@') + 1) !~ '[^.]{64}')
        CONSTRAINT entries_email_length CHECK (octet_length(email) <= 254)
        CONSTRAINT entries_email_local CHECK (
            octet_length(substr(email, 1, greatest(strpos(email, '@') - 1, 0))) BETWEEN 1 AND 64
            AND octet_length(substr(email_canonical, 1, greatest(strpos(email_canonical, '@') - 1, 0)))
                BETWEEN 1 AND 64),
    phone TEXT COLLATE "C" CONSTRAINT entries_phone CHECK (phone ~ '^\+[1-9][0-9]{7,14}$'),
    -- A day of the calendar: months of 31, 30 and 28 days, and the 29th of February of leap years.
    date_of_birth TEXT COLLATE "C" CONSTRAINT entries_date_of_birth CHECK (date_of_birth ~ (
        '^[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)'
        || '|02-(0[1-9]|1[0-9]|2[0-8]))$'
        || '|^([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29$')),
    country TEXT COLLATE "C" CONSTRAINT entries_country CHECK (country ~ '^[A-Z]{2}$'),
    postcode TEXT COLLATE "C" CONSTRAINT entries_postcode CHECK (
        postcode ~ '^[A-Z0-9 -]{2,12}$' AND postcode = btrim(postcode)),
    category TEXT COLLATE "C" CONSTRAINT entries_category CHECK (
        category ~ '^[ -~]{1,64}$' AND category = btrim(category)),
    session TEXT COLLATE "C" CONSTRAINT entries_session CHECK (
        session ~ '^[ -~]{1,64}$' AND session = btrim(session)),
    party_size INTEGER NOT NULL CONSTRAINT entries_party_size CHECK (party_size BETWEEN 1 AND 100),
    guardian_name TEXT COLLATE "C"
        CONSTRAINT entries_guardian_name_characters CHECK (
            guardian_name !~ '[\u0001-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069]')
        CONSTRAINT entries_guardian_name_length CHECK (char_length(guardian_name) BETWEEN 1 AND 100)
        CONSTRAINT entries_guardian_name_trimmed CHECK (
            guardian_name !~ '^[ \u00A0\u1680\u2000-\u200A\u202F\u205F\u3000]'
            AND guardian_name !~ '[ \u00A0\u1680\u2000-\u200A\u202F\u205F\u3000]$')
        CONSTRAINT entries_guardian_name_visible CHECK (
            guardian_name ~ ('[^ \u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F'
                || '\u2000-\u200F\u202F\u205F-\u206F\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\U000E0000-\U000E0FFF]')),
    -- Visible ASCII without lowercase letters.
    member_id TEXT COLLATE "C" CONSTRAINT entries_member_id CHECK (member_id ~ '^[!-`{-~]{1,40}$'),
    terms_version BIGINT NOT NULL,
    registered_at BIGINT NOT NULL,
    ip_prefix BYTEA,
    token_age BIGINT,
    retries BIGINT NOT NULL DEFAULT 0,
    last_retry_at BIGINT,
    CONSTRAINT entries_pkey PRIMARY KEY (draw_id, bucket, person_key),
    CONSTRAINT entries_receipt_key UNIQUE (bucket, receipt)
) PARTITION BY HASH (bucket);
CREATE TABLE entries_p0 PARTITION OF entries FOR VALUES WITH (MODULUS 8, REMAINDER 0);
CREATE TABLE entries_p1 PARTITION OF entries FOR VALUES WITH (MODULUS 8, REMAINDER 1);
CREATE TABLE entries_p2 PARTITION OF entries FOR VALUES WITH (MODULUS 8, REMAINDER 2);
CREATE TABLE entries_p3 PARTITION OF entries FOR VALUES WITH (MODULUS 8, REMAINDER 3);
CREATE TABLE entries_p4 PARTITION OF entries FOR VALUES WITH (MODULUS 8, REMAINDER 4);
CREATE TABLE entries_p5 PARTITION OF entries FOR VALUES WITH (MODULUS 8, REMAINDER 5);
CREATE TABLE entries_p6 PARTITION OF entries FOR VALUES WITH (MODULUS 8, REMAINDER 6);
CREATE TABLE entries_p7 PARTITION OF entries FOR VALUES WITH (MODULUS 8, REMAINDER 7);
CREATE INDEX entries_by_time ON entries (draw_id, registered_at, id);
CREATE INDEX entries_by_name ON entries (draw_id, name_key, id);

-- Whatever else at most one entry of a draw may hold. Token claims outlive their entry.
CREATE TABLE claims (
    draw_id UUID NOT NULL,
    bucket INTEGER NOT NULL CONSTRAINT claims_bucket CHECK (bucket BETWEEN 0 AND 1023),
    kind TEXT NOT NULL CONSTRAINT claims_kind CHECK (kind IN ('token', 'phone', 'member', 'source')),
    claim_key BYTEA NOT NULL CONSTRAINT claims_claim_key CHECK (octet_length(claim_key) = 32),
    entry_id UUID NOT NULL,
    person_key BYTEA NOT NULL,
    person_bucket INTEGER NOT NULL,
    CONSTRAINT claims_pkey PRIMARY KEY (draw_id, bucket, kind, claim_key)
) PARTITION BY HASH (bucket);
CREATE TABLE claims_p0 PARTITION OF claims FOR VALUES WITH (MODULUS 8, REMAINDER 0);
CREATE TABLE claims_p1 PARTITION OF claims FOR VALUES WITH (MODULUS 8, REMAINDER 1);
CREATE TABLE claims_p2 PARTITION OF claims FOR VALUES WITH (MODULUS 8, REMAINDER 2);
CREATE TABLE claims_p3 PARTITION OF claims FOR VALUES WITH (MODULUS 8, REMAINDER 3);
CREATE TABLE claims_p4 PARTITION OF claims FOR VALUES WITH (MODULUS 8, REMAINDER 4);
CREATE TABLE claims_p5 PARTITION OF claims FOR VALUES WITH (MODULUS 8, REMAINDER 5);
CREATE TABLE claims_p6 PARTITION OF claims FOR VALUES WITH (MODULUS 8, REMAINDER 6);
CREATE TABLE claims_p7 PARTITION OF claims FOR VALUES WITH (MODULUS 8, REMAINDER 7);

-- Entries that ended, without personal data: what a late retry and an old receipt need.
CREATE TABLE withdrawals (
    draw_id UUID NOT NULL,
    bucket INTEGER NOT NULL CONSTRAINT withdrawals_bucket CHECK (bucket BETWEEN 0 AND 1023),
    id UUID NOT NULL,
    receipt TEXT NOT NULL,
    person_key BYTEA NOT NULL,
    fingerprint BYTEA NOT NULL,
    fingerprint_version SMALLINT NOT NULL,
    browser_proof BYTEA,
    category TEXT,
    session TEXT,
    registered_at BIGINT NOT NULL,
    ending TEXT NOT NULL CONSTRAINT withdrawals_ending CHECK (ending IN ('withdrawn', 'removed')),
    ended_at BIGINT NOT NULL,
    reason TEXT,
    CONSTRAINT withdrawals_pkey PRIMARY KEY (draw_id, bucket, id),
    CONSTRAINT withdrawals_receipt_key UNIQUE (bucket, receipt)
);
CREATE INDEX withdrawals_by_time ON withdrawals (draw_id, registered_at, id);

-- Live entries of a draw: one row where the draw has a capacity, a row a shard elsewhere, so that writers of
-- several servers do not wait for each other. Never columns of draws: its row is locked by every batch.
CREATE TABLE counters (
    draw_id UUID NOT NULL,
    shard INTEGER NOT NULL,
    taken BIGINT NOT NULL CONSTRAINT counters_taken CHECK (taken >= 0),
    CONSTRAINT counters_pkey PRIMARY KEY (draw_id, shard)
);

-- What is to be told to others, written with the entry it tells of.
CREATE TABLE outbox (
    id UUID NOT NULL PRIMARY KEY,
    draw_id UUID NOT NULL,
    entry_id UUID NOT NULL,
    destination TEXT NOT NULL,
    child_key TEXT NOT NULL CONSTRAINT outbox_child_key_key UNIQUE,
    state TEXT NOT NULL CONSTRAINT outbox_state CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts INTEGER NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Long operations: the first request makes the row, a retry with the same key finds it.
CREATE TABLE jobs (
    id UUID NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    draw_id UUID,
    request_key BYTEA NOT NULL CONSTRAINT jobs_request_key_key UNIQUE,
    requested_by TEXT NOT NULL,
    state TEXT NOT NULL CONSTRAINT jobs_state CHECK (state IN ('queued', 'running', 'done', 'failed')),
    done BIGINT NOT NULL,
    total BIGINT,
    result TEXT,
    error TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Retries caught, by hour and layer; flushed each minute, best effort.
CREATE TABLE caught (
    draw_id UUID NOT NULL,
    hour BIGINT NOT NULL,
    layer TEXT COLLATE "C" NOT NULL,
    count BIGINT NOT NULL,
    CONSTRAINT caught_pkey PRIMARY KEY (draw_id, hour, layer)
);
