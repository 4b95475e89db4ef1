-- How the answers of a version, or of one of its variants, were spread when they were known to be
-- good: what drift is measured from. The variant '' is the version as it was pushed.
CREATE TABLE model_references (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    variant TEXT NOT NULL,
    spread TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, name, version, variant),
    FOREIGN KEY (tenant, name, version) REFERENCES model_versions (tenant, name, version)
);
