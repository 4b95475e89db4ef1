-- Tenants with settings (quotas, rates, issuers of tokens); a deleted one keeps its name, so that nobody inherits it.
ALTER TABLE tenants ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE tenants ADD COLUMN deleted_at BIGINT;

-- Keys with scopes and a rate of their own. While a rotation overlaps, the secret of before works too.
ALTER TABLE principals ADD COLUMN scopes TEXT NOT NULL DEFAULT '[]';
ALTER TABLE principals ADD COLUMN rate TEXT;
ALTER TABLE principals ADD COLUMN previous_hash TEXT;
ALTER TABLE principals ADD COLUMN previous_until BIGINT;
ALTER TABLE principals ADD COLUMN last_used_at BIGINT;

-- A version that was installed from another tenant says from which.
ALTER TABLE plugin_versions ADD COLUMN origin TEXT REFERENCES tenants (name);
CREATE INDEX plugin_versions_by_digest ON plugin_versions (digest);

-- Which tenants may install a version: a name, or `*` for all.
CREATE TABLE plugin_shares (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    shared_with TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, name, version, shared_with),
    FOREIGN KEY (tenant, name, version) REFERENCES plugin_versions (tenant, name, version)
);

-- Append-only: the host has no statement that changes or removes an entry. Each holds the hash of the one before.
CREATE TABLE audit_entries (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    principal TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (tenant, number)
);

-- Number and hash of the last entry of each tenant. The row is locked while an entry is added: the chain has no forks.
CREATE TABLE audit_heads (
    tenant TEXT NOT NULL PRIMARY KEY REFERENCES tenants (name),
    number BIGINT NOT NULL,
    hash TEXT NOT NULL
);
