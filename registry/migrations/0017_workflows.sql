-- Workflows. `version` is the one that new runs follow; `settings` are what the tenant grants to all of them. The time
-- at which a schedule is next due is that of the whole cluster.
CREATE TABLE workflows (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    settings TEXT NOT NULL,
    next_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, name),
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);
CREATE INDEX workflows_due ON workflows (next_at);

-- Definitions, never changed: runs that began under one end under it.
CREATE TABLE workflow_versions (
    tenant TEXT NOT NULL,
    workflow TEXT NOT NULL,
    version TEXT NOT NULL,
    digest TEXT NOT NULL,
    definition TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, workflow, version),
    FOREIGN KEY (tenant, workflow) REFERENCES workflows (tenant, name)
);

-- Steps that partners add at a point that a workflow calls, in this order.
CREATE TABLE workflow_extensions (
    tenant TEXT NOT NULL,
    workflow TEXT NOT NULL,
    point TEXT NOT NULL,
    position BIGINT NOT NULL,
    function TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, workflow, point, position),
    FOREIGN KEY (tenant, workflow) REFERENCES workflows (tenant, name)
);

-- Runs. `due_at` is when somebody has to look at it: while a host has it (`lease` is its id) the end of the lease, else the
-- next of its timers, and none where it waits for something else or has ended. Whatever comes in for a run sets `woken`.
-- `gated` runs wait for their turn among those of a workflow that has a limit.
CREATE TABLE workflow_runs (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    workflow TEXT NOT NULL,
    version TEXT NOT NULL,
    status TEXT NOT NULL,
    start_key TEXT,
    pins TEXT NOT NULL,
    input TEXT NOT NULL,
    output TEXT,
    error TEXT,
    parent TEXT NOT NULL,
    replay_of TEXT NOT NULL,
    requested TEXT NOT NULL,
    gated BIGINT NOT NULL,
    woken BIGINT NOT NULL,
    lease TEXT NOT NULL,
    due_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    ended_at BIGINT,
    created_by TEXT NOT NULL,
    UNIQUE (tenant, workflow, start_key),
    FOREIGN KEY (tenant, workflow, version) REFERENCES workflow_versions (tenant, workflow, version)
);
CREATE INDEX workflow_runs_due ON workflow_runs (due_at);
CREATE INDEX workflow_runs_by_lease ON workflow_runs (lease);
CREATE INDEX workflow_runs_by_workflow ON workflow_runs (tenant, workflow, status, id);
CREATE INDEX workflow_runs_by_parent ON workflow_runs (parent);
CREATE INDEX workflow_runs_gated ON workflow_runs (tenant, workflow, id) WHERE gated = 1;

-- What happened in a run, in this order, only ever added to.
CREATE TABLE workflow_journal (
    run TEXT NOT NULL,
    seq BIGINT NOT NULL,
    entry TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (run, seq)
);

-- Runs that wait for events of a type; an empty type means every type. Those of the log behind `after` are meant.
CREATE TABLE workflow_waits (
    run TEXT NOT NULL,
    step TEXT NOT NULL,
    event_type TEXT NOT NULL,
    tenant TEXT NOT NULL,
    after BIGINT NOT NULL,
    PRIMARY KEY (run, step, event_type)
);
CREATE INDEX workflow_waits_by_type ON workflow_waits (tenant, event_type);

-- Events that came for a run and are not in its journal yet.
CREATE TABLE workflow_inbox (
    run TEXT NOT NULL,
    tenant TEXT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (run, seq),
    FOREIGN KEY (tenant, seq) REFERENCES events (tenant, seq)
);
CREATE INDEX workflow_inbox_by_event ON workflow_inbox (tenant, seq);

-- How far the log of a tenant was given to its runs.
CREATE TABLE workflow_cursors (
    tenant TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);
