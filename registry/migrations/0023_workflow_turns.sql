-- Runs are taken from one tenant after the other, and those of a limited workflow that go on are counted without a look at
-- those that wait for their turn.
DROP INDEX workflow_runs_due;
CREATE INDEX workflow_runs_due ON workflow_runs (tenant, due_at);
CREATE INDEX workflow_runs_going ON workflow_runs (tenant, workflow) WHERE gated = 0 AND ended_at IS NULL;
