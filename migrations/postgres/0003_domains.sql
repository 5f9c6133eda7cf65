-- What is said of single columns of entries and claims moves from the tables into domains: the same constraints under
-- the same names. PostgreSQL reads the text of a table's check anew for every statement and every partition that the
-- statement writes to, which took two thirds of the time of a small batch; a domain's is read once by a connection.
--
-- Both tables are written anew. `bucket` is what they are partitioned by and keeps its check.

CREATE DOMAIN entry_person_key AS BYTEA
    CONSTRAINT entries_person_key CHECK (octet_length(VALUE) = 32);
CREATE DOMAIN entry_id AS UUID
    CONSTRAINT entries_id CHECK (octet_length(uuid_send(VALUE)) = 16);
CREATE DOMAIN entry_receipt AS TEXT COLLATE "C"
    CONSTRAINT entries_receipt CHECK (char_length(VALUE) BETWEEN 20 AND 40);
CREATE DOMAIN entry_fingerprint AS BYTEA
    CONSTRAINT entries_fingerprint CHECK (octet_length(VALUE) = 32);
CREATE DOMAIN entry_browser_proof AS BYTEA
    CONSTRAINT entries_browser_proof CHECK (octet_length(VALUE) = 32);
CREATE DOMAIN entry_full_name AS TEXT COLLATE "C"
    CONSTRAINT entries_full_name_characters CHECK (VALUE !~ '[\u0001-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069]')
    CONSTRAINT entries_full_name_length CHECK (char_length(VALUE) BETWEEN 1 AND 100)
    CONSTRAINT entries_full_name_trimmed CHECK (
        VALUE !~ '^[ \u00A0\u1680\u2000-\u200A\u202F\u205F\u3000]'
        AND VALUE !~ '[ \u00A0\u1680\u2000-\u200A\u202F\u205F\u3000]$')
    CONSTRAINT entries_full_name_visible CHECK (
        VALUE ~ ('[^ \u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F'
            || '\u2000-\u200F\u202F\u205F-\u206F\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\U000E0000-\U000E0FFF]'));
CREATE DOMAIN entry_email AS TEXT COLLATE "C"
    CONSTRAINT entries_email_characters CHECK (
        VALUE !~ ('["\u0001-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069'
            || ' \u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F'
            || '\u2000-\u200F\u202F\u205F-\u206F\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\U000E0000-\U000E0FFF]'))
    CONSTRAINT entries_email_length CHECK (octet_length(VALUE) <= 254)
    CONSTRAINT entries_email_local CHECK (
        octet_length(substr(VALUE, 1, greatest(strpos(VALUE, '@') - 1, 0))) BETWEEN 1 AND 64);
CREATE DOMAIN entry_email_canonical AS TEXT COLLATE "C"
    CONSTRAINT entries_email_canonical_length CHECK (octet_length(VALUE) <= 254)
    CONSTRAINT entries_email_characters CHECK (
        VALUE !~ ('["\u0001-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069'
            || ' \u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F'
            || '\u2000-\u200F\u202F\u205F-\u206F\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\U000E0000-\U000E0FFF]'))
    CONSTRAINT entries_email_domain CHECK (
        substr(VALUE, strpos(VALUE, '@') + 1)
            ~ '^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$'
        AND substr(VALUE, strpos(VALUE, '@') + 1) !~ '[^.]{64}')
    CONSTRAINT entries_email_local CHECK (
        octet_length(substr(VALUE, 1, greatest(strpos(VALUE, '@') - 1, 0))) BETWEEN 1 AND 64);
CREATE DOMAIN entry_phone AS TEXT COLLATE "C"
    CONSTRAINT entries_phone CHECK (VALUE ~ '^\+[1-9][0-9]{7,14}$');
CREATE DOMAIN entry_date_of_birth AS TEXT COLLATE "C"
    CONSTRAINT entries_date_of_birth CHECK (VALUE ~ (
        '^[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)'
        || '|02-(0[1-9]|1[0-9]|2[0-8]))$'
        || '|^([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29$'));
CREATE DOMAIN entry_country AS TEXT COLLATE "C"
    CONSTRAINT entries_country CHECK (VALUE ~ '^[A-Z]{2}$');
CREATE DOMAIN entry_postcode AS TEXT COLLATE "C"
    CONSTRAINT entries_postcode CHECK (
        VALUE ~ '^[A-Z0-9 -]{2,12}$' AND VALUE = btrim(VALUE));
CREATE DOMAIN entry_category AS TEXT COLLATE "C"
    CONSTRAINT entries_category CHECK (
        VALUE ~ '^[ -~]{1,64}$' AND VALUE = btrim(VALUE));
CREATE DOMAIN entry_session AS TEXT COLLATE "C"
    CONSTRAINT entries_session CHECK (
        VALUE ~ '^[ -~]{1,64}$' AND VALUE = btrim(VALUE));
CREATE DOMAIN entry_party_size AS INTEGER
    CONSTRAINT entries_party_size CHECK (VALUE BETWEEN 1 AND 100);
CREATE DOMAIN entry_guardian_name AS TEXT COLLATE "C"
    CONSTRAINT entries_guardian_name_characters CHECK (VALUE !~ '[\u0001-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069]')
    CONSTRAINT entries_guardian_name_length CHECK (char_length(VALUE) BETWEEN 1 AND 100)
    CONSTRAINT entries_guardian_name_trimmed CHECK (
        VALUE !~ '^[ \u00A0\u1680\u2000-\u200A\u202F\u205F\u3000]'
        AND VALUE !~ '[ \u00A0\u1680\u2000-\u200A\u202F\u205F\u3000]$')
    CONSTRAINT entries_guardian_name_visible CHECK (
        VALUE ~ ('[^ \u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F'
            || '\u2000-\u200F\u202F\u205F-\u206F\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\U000E0000-\U000E0FFF]'));
CREATE DOMAIN entry_member_id AS TEXT COLLATE "C"
    CONSTRAINT entries_member_id CHECK (VALUE ~ '^[!-`{-~]{1,40}$');
CREATE DOMAIN claim_kind AS TEXT
    CONSTRAINT claims_kind CHECK (VALUE IN ('token', 'phone', 'member', 'source'));
CREATE DOMAIN claim_claim_key AS BYTEA
    CONSTRAINT claims_claim_key CHECK (octet_length(VALUE) = 32);

ALTER TABLE entries
    DROP CONSTRAINT entries_person_key,
    DROP CONSTRAINT entries_id,
    DROP CONSTRAINT entries_receipt,
    DROP CONSTRAINT entries_fingerprint,
    DROP CONSTRAINT entries_browser_proof,
    DROP CONSTRAINT entries_full_name_characters,
    DROP CONSTRAINT entries_full_name_length,
    DROP CONSTRAINT entries_full_name_trimmed,
    DROP CONSTRAINT entries_full_name_visible,
    DROP CONSTRAINT entries_email_canonical_length,
    DROP CONSTRAINT entries_email_characters,
    DROP CONSTRAINT entries_email_domain,
    DROP CONSTRAINT entries_email_length,
    DROP CONSTRAINT entries_email_local,
    DROP CONSTRAINT entries_phone,
    DROP CONSTRAINT entries_date_of_birth,
    DROP CONSTRAINT entries_country,
    DROP CONSTRAINT entries_postcode,
    DROP CONSTRAINT entries_category,
    DROP CONSTRAINT entries_session,
    DROP CONSTRAINT entries_party_size,
    DROP CONSTRAINT entries_guardian_name_characters,
    DROP CONSTRAINT entries_guardian_name_length,
    DROP CONSTRAINT entries_guardian_name_trimmed,
    DROP CONSTRAINT entries_guardian_name_visible,
    DROP CONSTRAINT entries_member_id,
    ALTER COLUMN person_key TYPE entry_person_key,
    ALTER COLUMN id TYPE entry_id,
    ALTER COLUMN receipt TYPE entry_receipt,
    ALTER COLUMN fingerprint TYPE entry_fingerprint,
    ALTER COLUMN browser_proof TYPE entry_browser_proof,
    ALTER COLUMN full_name TYPE entry_full_name,
    ALTER COLUMN email TYPE entry_email,
    ALTER COLUMN email_canonical TYPE entry_email_canonical,
    ALTER COLUMN phone TYPE entry_phone,
    ALTER COLUMN date_of_birth TYPE entry_date_of_birth,
    ALTER COLUMN country TYPE entry_country,
    ALTER COLUMN postcode TYPE entry_postcode,
    ALTER COLUMN category TYPE entry_category,
    ALTER COLUMN session TYPE entry_session,
    ALTER COLUMN party_size TYPE entry_party_size,
    ALTER COLUMN guardian_name TYPE entry_guardian_name,
    ALTER COLUMN member_id TYPE entry_member_id;
ALTER TABLE claims
    DROP CONSTRAINT claims_kind,
    DROP CONSTRAINT claims_claim_key,
    ALTER COLUMN kind TYPE claim_kind,
    ALTER COLUMN claim_key TYPE claim_claim_key;
