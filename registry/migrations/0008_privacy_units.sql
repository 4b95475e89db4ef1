-- Who is protected in a dataset: the field whose value is the same in all rows of one person or account. Budgets of a
-- dataset are for this unit; it is named once and stays.
CREATE TABLE privacy_units (
    tenant TEXT NOT NULL,
    dataset TEXT NOT NULL,
    field TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, dataset),
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);
