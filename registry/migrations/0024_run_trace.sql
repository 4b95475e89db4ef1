-- The span that started a run, as the header `traceparent` has it; empty where the run begins a trace, which then has the
-- id of the run.
ALTER TABLE workflow_runs ADD COLUMN traceparent TEXT NOT NULL DEFAULT '';
