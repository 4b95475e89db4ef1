-- The people of a team. An id is a pseudonym: it stays in the audit log. The principal is the key or token by which the
-- person comes.
CREATE TABLE team_people (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    team TEXT NOT NULL,
    lead TEXT,
    principal TEXT,
    keep_until BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);
CREATE UNIQUE INDEX team_people_by_principal ON team_people (tenant, principal);
CREATE INDEX team_people_by_age ON team_people (keep_until);

CREATE TABLE team_cycles (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    spec TEXT NOT NULL,
    keep_until BIGINT,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, name),
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);
CREATE INDEX team_cycles_by_age ON team_cycles (keep_until);

-- A review has a revision that every change of it or of its cycle raises: what was evaluated or signed was of one.
CREATE TABLE team_reviews (
    tenant TEXT NOT NULL,
    cycle TEXT NOT NULL,
    person TEXT NOT NULL,
    goals TEXT NOT NULL,
    revision BIGINT NOT NULL,
    evaluation TEXT,
    signed_by TEXT,
    signed_at BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, cycle, person),
    FOREIGN KEY (tenant, cycle) REFERENCES team_cycles (tenant, name),
    FOREIGN KEY (tenant, person) REFERENCES team_people (tenant, id)
);
CREATE INDEX team_reviews_by_person ON team_reviews (tenant, person);

-- What one rater says of one person. Who was erased has another word in the place of the id.
CREATE TABLE team_inputs (
    tenant TEXT NOT NULL,
    cycle TEXT NOT NULL,
    person TEXT NOT NULL,
    rater TEXT NOT NULL,
    perspective TEXT NOT NULL,
    body TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (tenant, cycle, person, rater),
    FOREIGN KEY (tenant, cycle, person) REFERENCES team_reviews (tenant, cycle, person)
);
CREATE INDEX team_inputs_by_rater ON team_inputs (tenant, rater);

-- Scores that were moved by hand: only ever added.
CREATE TABLE team_calibrations (
    tenant TEXT NOT NULL,
    cycle TEXT NOT NULL,
    person TEXT NOT NULL,
    number BIGINT NOT NULL,
    body TEXT NOT NULL,
    moved_by TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (tenant, cycle, person, number),
    FOREIGN KEY (tenant, cycle, person) REFERENCES team_reviews (tenant, cycle, person)
);

CREATE TABLE team_processes (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    spec TEXT NOT NULL,
    keep_until BIGINT,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, name),
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);
CREATE INDEX team_processes_by_age ON team_processes (keep_until);

CREATE TABLE team_scores (
    tenant TEXT NOT NULL,
    process TEXT NOT NULL,
    candidate TEXT NOT NULL,
    stage TEXT NOT NULL,
    criterion TEXT NOT NULL,
    rater TEXT NOT NULL,
    body TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (tenant, process, candidate, stage, criterion, rater),
    FOREIGN KEY (tenant, process) REFERENCES team_processes (tenant, name)
);
CREATE INDEX team_scores_by_rater ON team_scores (tenant, rater);

-- What a person decided about a candidate, beside the advice that it rests on. Once, and for good.
CREATE TABLE team_decisions (
    tenant TEXT NOT NULL,
    process TEXT NOT NULL,
    candidate TEXT NOT NULL,
    decision TEXT NOT NULL,
    reason TEXT NOT NULL,
    advice TEXT NOT NULL,
    signed_by TEXT NOT NULL,
    signed_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, process, candidate),
    FOREIGN KEY (tenant, process) REFERENCES team_processes (tenant, name)
);

-- What was erased, when, and why: how much, and never what.
CREATE TABLE team_erasures (
    tenant TEXT NOT NULL,
    number BIGINT NOT NULL,
    subject TEXT NOT NULL,
    why TEXT NOT NULL,
    erased TEXT NOT NULL,
    at BIGINT NOT NULL,
    erased_by TEXT NOT NULL,
    PRIMARY KEY (tenant, number),
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);
