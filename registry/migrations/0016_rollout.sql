-- Why a revision of a function was written: what a person said, or the figures for which the host went back.
ALTER TABLE function_revisions ADD COLUMN reason TEXT NOT NULL DEFAULT '';
