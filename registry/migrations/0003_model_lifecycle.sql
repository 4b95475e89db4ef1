-- Where a version comes from: what it was trained on, from which version, by which run.
ALTER TABLE model_versions ADD COLUMN lineage TEXT NOT NULL DEFAULT '{}';

-- Which versions of a model answer, and under which bounds. The revision here is the newest one.
CREATE TABLE model_deployments (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    revision BIGINT NOT NULL,
    spec TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, name, revision),
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);

-- What a version, or one of its variants, scored on a dataset; the variant '' is the version as it
-- was pushed. A second evaluation on the same dataset takes the place of the first.
CREATE TABLE model_evaluations (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    variant TEXT NOT NULL,
    dataset TEXT NOT NULL,
    report TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, name, version, variant, dataset),
    FOREIGN KEY (tenant, name, version) REFERENCES model_versions (tenant, name, version)
);
