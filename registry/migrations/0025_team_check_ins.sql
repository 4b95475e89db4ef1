-- Where reminders reach a person, as the member id of a chat.
ALTER TABLE team_people ADD COLUMN contact TEXT;

-- Check-ins that come round: whom to ask what, and when. `next_at` is when it is next due, for the whole cluster.
CREATE TABLE team_check_ins (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    spec TEXT NOT NULL,
    next_at BIGINT,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, name),
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);
CREATE INDEX team_check_ins_due ON team_check_ins (next_at);

-- One person who was asked at one date. The questions are those of then. `told` is 1 once it was told that the answer is
-- overdue.
CREATE TABLE team_check_in_entries (
    tenant TEXT NOT NULL,
    check_in TEXT NOT NULL,
    person TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    keep_until BIGINT NOT NULL,
    questions TEXT NOT NULL,
    answers TEXT,
    answered_at BIGINT,
    told BIGINT NOT NULL,
    PRIMARY KEY (tenant, check_in, person, due_at),
    FOREIGN KEY (tenant, check_in) REFERENCES team_check_ins (tenant, name),
    FOREIGN KEY (tenant, person) REFERENCES team_people (tenant, id)
);
CREATE INDEX team_check_in_entries_by_person ON team_check_in_entries (tenant, person);
CREATE INDEX team_check_in_entries_by_age ON team_check_in_entries (keep_until);
CREATE INDEX team_check_in_entries_open ON team_check_in_entries (until_at) WHERE told = 0 AND answered_at IS NULL;
