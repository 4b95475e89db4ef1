-- Whose signatures a tenant accepts; a key is the line `ed25519:…`.
CREATE TABLE trusted_keys (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    name TEXT NOT NULL,
    public_key TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, name)
);
-- One name for each key, so that taking a key back takes all of its trust.
CREATE UNIQUE INDEX trusted_keys_by_key ON trusted_keys (tenant, public_key);

-- Which plugins a tenant accepts: `any`, which is meant where there is no row, or `signed`.
CREATE TABLE plugin_policies (
    tenant TEXT NOT NULL PRIMARY KEY REFERENCES tenants (name),
    plugins TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL
);

-- Where a version comes from, written with it. The manifest is here as it was sent, byte for byte, since that is what
-- was signed. The other documents are artifacts; here is what is shown of them, as JSON.
CREATE TABLE plugin_supplies (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    manifest_source TEXT NOT NULL,
    signature TEXT,
    sections TEXT NOT NULL,
    sbom TEXT,
    provenance TEXT,
    PRIMARY KEY (tenant, name, version),
    FOREIGN KEY (tenant, name, version) REFERENCES plugin_versions (tenant, name, version)
);
