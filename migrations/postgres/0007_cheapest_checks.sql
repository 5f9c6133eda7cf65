-- Which way of asking is the cheapest, measured for each check by itself: a regular expression that only looks for a
-- character is, and dearer are those that count ("{1,64}") and `ltrim` of a long text with a long set. The rules stay
-- what they are; rows that are there are not asked again: NOT VALID.

ALTER DOMAIN entry_full_name DROP CONSTRAINT entries_full_name_characters;
ALTER DOMAIN entry_full_name ADD CONSTRAINT entries_full_name_characters CHECK (
    VALUE !~ '[\u0001-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069]') NOT VALID;
ALTER DOMAIN entry_guardian_name DROP CONSTRAINT entries_guardian_name_characters;
ALTER DOMAIN entry_guardian_name ADD CONSTRAINT entries_guardian_name_characters CHECK (
    VALUE !~ '[\u0001-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069]') NOT VALID;
ALTER DOMAIN entry_email DROP CONSTRAINT entries_email_characters;
ALTER DOMAIN entry_email ADD CONSTRAINT entries_email_characters CHECK (
    VALUE !~ ('["\u0001-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069'
        || ' \u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F'
        || '\u2000-\u200F\u202F\u205F-\u206F\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\U000E0000-\U000E0FFF]')) NOT VALID;
ALTER DOMAIN entry_email_canonical DROP CONSTRAINT entries_email_characters;
ALTER DOMAIN entry_email_canonical ADD CONSTRAINT entries_email_characters CHECK (
    VALUE !~ ('["\u0001-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069'
        || ' \u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F'
        || '\u2000-\u200F\u202F\u205F-\u206F\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\U000E0000-\U000E0FFF]')) NOT VALID;
-- No label is longer than the whole.
ALTER DOMAIN entry_email_canonical DROP CONSTRAINT entries_email_domain;
ALTER DOMAIN entry_email_canonical ADD CONSTRAINT entries_email_domain CHECK (
    substr(VALUE, strpos(VALUE, '@') + 1)
        ~ '^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$'
    AND (octet_length(VALUE) < 64 OR substr(VALUE, strpos(VALUE, '@') + 1) !~ '[^.]{64}')) NOT VALID;
ALTER DOMAIN entry_category DROP CONSTRAINT entries_category;
ALTER DOMAIN entry_category ADD CONSTRAINT entries_category CHECK (
    octet_length(VALUE) BETWEEN 1 AND 64 AND VALUE = btrim(VALUE) AND VALUE !~ '[^ -~]') NOT VALID;
ALTER DOMAIN entry_session DROP CONSTRAINT entries_session;
ALTER DOMAIN entry_session ADD CONSTRAINT entries_session CHECK (
    octet_length(VALUE) BETWEEN 1 AND 64 AND VALUE = btrim(VALUE) AND VALUE !~ '[^ -~]') NOT VALID;
