-- One text for SQLite and PostgreSQL: only TEXT and BIGINT, times in microseconds since 1970,
-- digests and hashes as text. Order is never left to a collation: the host sorts.

-- Bumped by every change of what the hosts keep in memory, in the same transaction. The row is
-- locked until that transaction ends, so changes follow one another and a revision that can be
-- read implies that everything before it can be read.
CREATE TABLE registry_revision (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    value BIGINT NOT NULL
);
INSERT INTO registry_revision (id, value) VALUES (1, 0);

CREATE TABLE tenants (
    name TEXT NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL
);

CREATE TABLE plugin_versions (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    digest TEXT NOT NULL,
    size BIGINT NOT NULL,
    manifest TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, name, version)
);

CREATE TABLE plugin_aliases (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    alias TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (tenant, name, alias),
    FOREIGN KEY (tenant, name, version) REFERENCES plugin_versions (tenant, name, version)
);

CREATE TABLE model_versions (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    files TEXT NOT NULL,
    config TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, name, version)
);

CREATE TABLE model_aliases (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    alias TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (tenant, name, alias),
    FOREIGN KEY (tenant, name, version) REFERENCES model_versions (tenant, name, version)
);

-- The revision here is the newest one; the history survives a deletion.
CREATE TABLE functions (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    name TEXT NOT NULL,
    revision BIGINT NOT NULL,
    deleted_at BIGINT,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE function_revisions (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    revision BIGINT NOT NULL,
    spec TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, name, revision),
    FOREIGN KEY (tenant, name) REFERENCES functions (tenant, name)
);

CREATE TABLE principals (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX principals_by_tenant ON principals (tenant);

CREATE TABLE usage_minutes (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    function TEXT NOT NULL,
    version TEXT NOT NULL,
    minute BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    wall_us BIGINT NOT NULL,
    PRIMARY KEY (tenant, minute, function, version)
);
