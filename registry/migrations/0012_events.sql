-- The number of the newest event of each tenant. Appending holds the row of the tenant until it ends, so that events
-- become visible in the order of their numbers and a cursor never passes one by.
CREATE TABLE event_heads (
    tenant TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);

-- Events as CloudEvents 1.0 has them, never changed. Data is text, or base64 where it is none.
CREATE TABLE events (
    tenant TEXT NOT NULL,
    seq BIGINT NOT NULL,
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    subject TEXT NOT NULL,
    time BIGINT NOT NULL,
    content_type TEXT NOT NULL,
    data_schema TEXT NOT NULL,
    data_form TEXT NOT NULL,
    data TEXT NOT NULL,
    extensions TEXT NOT NULL,
    appended_at BIGINT NOT NULL,
    appended_by TEXT NOT NULL,
    PRIMARY KEY (tenant, seq),
    UNIQUE (tenant, source, id),
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);
CREATE INDEX events_by_type ON events (tenant, event_type, seq);
CREATE INDEX events_by_age ON events (appended_at);

-- What makes a function run. The time at which a schedule is next due is that of the whole cluster.
CREATE TABLE triggers (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    spec TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    next_at BIGINT,
    delivered BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    died BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, name),
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);

-- Events on their way to a trigger. A delivery that succeeds is removed; one that fails too often stays as dead.
-- A lease is the id of the host that is at it, until `due_at`.
CREATE TABLE event_deliveries (
    tenant TEXT NOT NULL,
    trigger_name TEXT NOT NULL,
    seq BIGINT NOT NULL,
    subject TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    lease TEXT NOT NULL,
    error TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, trigger_name, seq),
    FOREIGN KEY (tenant, trigger_name) REFERENCES triggers (tenant, name),
    FOREIGN KEY (tenant, seq) REFERENCES events (tenant, seq)
);
CREATE INDEX event_deliveries_due ON event_deliveries (state, tenant, trigger_name, due_at);
CREATE INDEX event_deliveries_by_subject ON event_deliveries (tenant, trigger_name, subject, seq);
CREATE INDEX event_deliveries_by_event ON event_deliveries (tenant, seq);

-- Hosts take deliveries one after the other, so that the limits of a trigger hold for all of them together.
CREATE TABLE delivery_turn (id BIGINT NOT NULL PRIMARY KEY, value BIGINT NOT NULL);
INSERT INTO delivery_turn (id, value) VALUES (1, 0);
