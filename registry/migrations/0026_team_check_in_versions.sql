-- When a check-in was last set: who asks for it says which they have seen.
ALTER TABLE team_check_ins ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
UPDATE team_check_ins SET updated_at = created_at;

-- What was asked and answered is listed by its date.
CREATE INDEX team_check_in_entries_by_date ON team_check_in_entries (tenant, check_in, due_at);
