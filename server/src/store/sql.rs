//! Statements whose text both dialects accept.

/// The live entry of a person.
pub(super) const BY_PERSON: &str = "
    SELECT id, receipt, registered_at, person_key, fingerprint, fingerprint_version, browser_proof
    FROM entries WHERE draw_id = $1 AND bucket = $2 AND person_key = $3";

/// The entry that holds a claim. One statement, so that an entry that ends meanwhile is found in one place or the
/// other. The bucket of entry and withdrawal is the person's, which the claim carries.
pub(super) const BY_CLAIM: &str = "
    SELECT e.id, e.receipt, e.registered_at, e.person_key, e.fingerprint, e.fingerprint_version, e.browser_proof
    FROM claims c JOIN entries e ON e.draw_id = c.draw_id AND e.bucket = c.person_bucket
         AND e.person_key = c.person_key AND e.id = c.entry_id
    WHERE c.draw_id = $1 AND c.bucket = $2 AND c.kind = $3 AND c.claim_key = $4
    UNION ALL
    SELECT w.id, w.receipt, w.registered_at, w.person_key, w.fingerprint, w.fingerprint_version, w.browser_proof
    FROM claims c JOIN withdrawals w ON w.draw_id = c.draw_id AND w.bucket = c.person_bucket AND w.id = c.entry_id
    WHERE c.draw_id = $1 AND c.bucket = $2 AND c.kind = $3 AND c.claim_key = $4";

/// The live entry of a receipt.
pub(super) const LIVE_RECEIPT: &str = "SELECT * FROM entries WHERE bucket = $1 AND receipt = $2";

/// The ended entry of a receipt.
pub(super) const ENDED_RECEIPT: &str =
    "SELECT draw_id, id, registered_at, ending FROM withdrawals WHERE bucket = $1 AND receipt = $2";

/// Keeps what a late retry and an old receipt need of an entry that ends.
pub(super) const INSERT_WITHDRAWAL: &str = "
    INSERT INTO withdrawals (draw_id, bucket, id, receipt, person_key, fingerprint, fingerprint_version,
        browser_proof, category, session, registered_at, ending, ended_at, reason)
    SELECT draw_id, bucket, id, receipt, person_key, fingerprint, fingerprint_version, browser_proof, category,
        session, registered_at, $4, $5, $6
    FROM entries WHERE draw_id = $1 AND bucket = $2 AND person_key = $3";

/// Removes a live entry.
pub(super) const DELETE_ENTRY: &str =
    "DELETE FROM entries WHERE draw_id = $1 AND bucket = $2 AND person_key = $3";

/// Frees a claim of an entry.
pub(super) const DELETE_CLAIM: &str = "
    DELETE FROM claims WHERE draw_id = $1 AND bucket = $2 AND kind = $3 AND claim_key = $4 AND entry_id = $5";

/// Closes a draw whose closing instant has passed.
pub(super) const CLOSE_IF_OVER: &str = "
    UPDATE draws SET state = 'closed', closed_at = $2, updated_at = $2, version = version + 1
    WHERE id = $1 AND state = 'announced' AND closes_at <= $2 RETURNING slug";

/// Stores a draw's state.
pub(super) const STORE_STATE: &str = "
    UPDATE draws SET state = $2, updated_at = $3, version = version + 1,
        closed_at = CASE WHEN $2 = 'closed' THEN $3 ELSE closed_at END
    WHERE id = $1";

/// Writes down who did what.
pub(super) const INSERT_AUDIT: &str = "
    INSERT INTO audit (id, at, actor, action, draw_id, subject, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// Makes an organiser's account, unless there is one.
pub(super) const INSERT_ORGANISER: &str = "
    INSERT INTO organisers (id, email, email_canonical, password_hash, created_at)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING id";

/// Who is signed in with a token.
pub(super) const SIGNED_IN: &str = "
    SELECT o.id, o.email FROM sign_ins s JOIN organisers o ON o.id = s.organiser_id
    WHERE s.token_hash = $1 AND s.expires_at > $2";

/// Gives a source a key, unless it has one that is not revoked.
pub(super) const STORE_API_KEY: &str = "
    INSERT INTO api_keys (id, name, key_hash, created_at, revoked_at) VALUES ($1, $2, $3, $4, NULL)
    ON CONFLICT (name) DO UPDATE SET key_hash = excluded.key_hash, created_at = excluded.created_at,
        revoked_at = NULL
    WHERE api_keys.revoked_at IS NOT NULL
    RETURNING id";

/// Starts a new epoch.
pub(super) const STORE_EPOCH: &str = "
    INSERT INTO meta (name, value) VALUES ('epoch', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// What layers caught since an hour.
pub(super) const CAUGHT: &str =
    "SELECT hour, layer, count FROM caught WHERE draw_id = $1 AND hour > $2 ORDER BY hour DESC, layer";

/// Live entries since an instant, so many at most.
pub(super) const RECENT: &str = "
    SELECT COUNT(*) FROM (SELECT 1 FROM entries WHERE draw_id = $1 AND registered_at > $2 LIMIT $3) AS recent";

/// Claims that live entries of a draw lack; `$2` says whether phone numbers are claims. A difference of sets, which
/// reads the claims once: SQLite joins no index made on the fly to a table without row ids, and read all of them again
/// for each entry.
pub(super) const MISSING_CLAIMS: &str = "
    SELECT id, 'token' AS kind FROM entries WHERE draw_id = $1
    UNION ALL
    SELECT id, 'phone' FROM entries WHERE draw_id = $1 AND phone IS NOT NULL AND $2
    UNION ALL
    SELECT id, 'member' FROM entries WHERE draw_id = $1 AND member_id IS NOT NULL
    EXCEPT
    SELECT entry_id, kind FROM claims WHERE draw_id = $1";

/// Claims of no entry; only tokens, and integrators' sources and sequences, outlive theirs.
pub(super) const ORPHANED_CLAIMS: &str = "
    SELECT c.entry_id, c.kind FROM claims c
    LEFT JOIN entries e ON e.draw_id = c.draw_id AND e.bucket = c.person_bucket
        AND e.person_key = c.person_key AND e.id = c.entry_id
    LEFT JOIN withdrawals w ON w.draw_id = c.draw_id AND w.bucket = c.person_bucket AND w.id = c.entry_id
    WHERE c.draw_id = $1 AND e.id IS NULL AND (c.kind NOT IN ('token', 'source') OR w.id IS NULL)";

/// What the counters of a draw say, and its rows.
pub(super) const COUNTS: &str = "
    SELECT (SELECT CAST(COALESCE(SUM(taken), 0) AS BIGINT) FROM counters WHERE draw_id = $1),
        (SELECT COUNT(*) FROM entries WHERE draw_id = $1)";

/// Live entries of a draw, from its counters.
pub(super) const TAKEN: &str =
    "SELECT CAST(COALESCE(SUM(taken), 0) AS BIGINT) FROM counters WHERE draw_id = $1";
