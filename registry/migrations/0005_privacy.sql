-- How much a principal may learn about a dataset, and how much of that is spent. Losses are counted
-- in whole units: 1e-9 of ε or of ρ, 1e-18 of δ. The database itself refuses a row that is overspent.
CREATE TABLE privacy_budgets (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    dataset TEXT NOT NULL,
    principal TEXT NOT NULL,
    accounting TEXT NOT NULL,
    loss_limit BIGINT NOT NULL,
    delta_limit BIGINT NOT NULL,
    loss_spent BIGINT NOT NULL,
    delta_spent BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, dataset, principal),
    CHECK (0 <= loss_spent AND loss_spent <= loss_limit),
    CHECK (0 <= delta_spent AND delta_spent <= delta_limit)
);

-- Every drawing of noise is paid for here before it takes place. An attempt that was cut short stays
-- paid; who asks again pays for the next one.
CREATE TABLE privacy_reservations (
    tenant TEXT NOT NULL,
    dataset TEXT NOT NULL,
    principal TEXT NOT NULL,
    question TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    body TEXT NOT NULL,
    loss BIGINT NOT NULL,
    delta BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, dataset, principal, question, attempt),
    FOREIGN KEY (tenant, dataset, principal) REFERENCES privacy_budgets (tenant, dataset, principal)
);

-- What was let out: one answer for each question, and the attempt that it came from.
CREATE TABLE privacy_answers (
    tenant TEXT NOT NULL,
    dataset TEXT NOT NULL,
    principal TEXT NOT NULL,
    question TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    answer TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, dataset, principal, question),
    FOREIGN KEY (tenant, dataset, principal, question, attempt)
        REFERENCES privacy_reservations (tenant, dataset, principal, question, attempt)
);
