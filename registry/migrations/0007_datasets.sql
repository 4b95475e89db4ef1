-- Datasets, as snapshots that never change: JSON Lines in the artifact store.
CREATE TABLE dataset_snapshots (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    snapshot BIGINT NOT NULL,
    digest TEXT NOT NULL,
    size BIGINT NOT NULL,
    rows BIGINT NOT NULL,
    lineage TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, name, snapshot),
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);

-- Work that makes a snapshot of another, or failed to. A host that runs it says so every few seconds.
CREATE TABLE dataset_runs (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    snapshot BIGINT NOT NULL,
    spec TEXT NOT NULL,
    state TEXT NOT NULL,
    progress TEXT NOT NULL,
    outcome TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, name, snapshot) REFERENCES dataset_snapshots (tenant, name, snapshot)
);
