-- A search for an email address asks for the person's ended entries too; without this, every ended entry of the person's
-- bucket is read. Registrations write no row here.
CREATE INDEX withdrawals_by_person ON withdrawals (draw_id, bucket, person_key);
