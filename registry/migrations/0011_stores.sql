-- Buckets of keys and values, and containers of objects, of the functions that are granted them.
-- A bucket is made with its first key. Its row counts what is in it and hands out numbers, so that
-- writers to one bucket follow one another; no number is handed out twice.
CREATE TABLE keyvalue_buckets (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    name TEXT NOT NULL,
    next BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);

-- The position is given when the key is made and orders the pages of a listing; the revision changes
-- with every write and is what a compare-and-swap compares. The value is base64.
CREATE TABLE keyvalue_entries (
    tenant TEXT NOT NULL,
    bucket TEXT NOT NULL,
    name TEXT NOT NULL,
    position BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    size BIGINT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (tenant, bucket, name),
    FOREIGN KEY (tenant, bucket) REFERENCES keyvalue_buckets (tenant, name)
);
CREATE UNIQUE INDEX keyvalue_entries_position ON keyvalue_entries (tenant, bucket, position);

CREATE TABLE blob_containers (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    name TEXT NOT NULL,
    next BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);

-- The bytes lie in the artifact store under a key that is used once.
CREATE TABLE blobs (
    tenant TEXT NOT NULL,
    container TEXT NOT NULL,
    name TEXT NOT NULL,
    position BIGINT NOT NULL,
    size BIGINT NOT NULL,
    stored_as TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, container, name),
    FOREIGN KEY (tenant, container) REFERENCES blob_containers (tenant, name)
);
CREATE UNIQUE INDEX blobs_position ON blobs (tenant, container, position);
