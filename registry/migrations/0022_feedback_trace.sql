-- The trace that caused a piece of feedback, as 32 hexadecimal digits; empty where nobody knows it.
ALTER TABLE feedback ADD COLUMN trace TEXT NOT NULL DEFAULT '';
