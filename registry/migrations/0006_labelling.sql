-- Labelling: what is to be labelled, who works on it, and what was said. The revision of a project
-- is bumped first in every transaction that hands out or takes back work, so that these follow one
-- another on PostgreSQL as they do on SQLite. The guideline here is the newest one.
CREATE TABLE label_projects (
    tenant TEXT NOT NULL REFERENCES tenants (name),
    name TEXT NOT NULL,
    spec TEXT NOT NULL,
    guideline BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE label_guidelines (
    tenant TEXT NOT NULL,
    project TEXT NOT NULL,
    version BIGINT NOT NULL,
    text TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, project, version),
    FOREIGN KEY (tenant, project) REFERENCES label_projects (tenant, name)
);

-- The state is `gold` for a task whose label is known, `open` while annotations are wanted, then
-- `complete`, and `adjudicated` once a judge has decided. The smaller the rank, the earlier the task;
-- of equal ranks, the smaller position.
CREATE TABLE label_tasks (
    tenant TEXT NOT NULL,
    project TEXT NOT NULL,
    task TEXT NOT NULL,
    position BIGINT NOT NULL,
    rank BIGINT NOT NULL,
    data TEXT NOT NULL,
    gold TEXT,
    state TEXT NOT NULL,
    annotations BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, project, task),
    FOREIGN KEY (tenant, project) REFERENCES label_projects (tenant, name)
);
CREATE UNIQUE INDEX label_tasks_by_position ON label_tasks (tenant, project, position);
CREATE INDEX label_tasks_by_rank ON label_tasks (tenant, project, state, rank, position);

-- Who was handed which task: `leased` until a time, then `done` or `skipped`.
CREATE TABLE label_assignments (
    tenant TEXT NOT NULL,
    project TEXT NOT NULL,
    task TEXT NOT NULL,
    annotator TEXT NOT NULL,
    state TEXT NOT NULL,
    leased_until BIGINT NOT NULL,
    guideline BIGINT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (tenant, project, task, annotator),
    FOREIGN KEY (tenant, project, task) REFERENCES label_tasks (tenant, project, task)
);
CREATE INDEX label_assignments_by_annotator ON label_assignments (tenant, project, annotator, state);

CREATE TABLE label_annotations (
    tenant TEXT NOT NULL,
    project TEXT NOT NULL,
    task TEXT NOT NULL,
    annotator TEXT NOT NULL,
    label TEXT NOT NULL,
    guideline BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, project, task, annotator),
    FOREIGN KEY (tenant, project, task) REFERENCES label_tasks (tenant, project, task),
    FOREIGN KEY (tenant, project, guideline) REFERENCES label_guidelines (tenant, project, version)
);

-- What models said, as `sentiment@1.2.0~int8`, and labelling functions. The confidence is a decimal
-- number. A second one of the same source takes the place of the first.
CREATE TABLE label_predictions (
    tenant TEXT NOT NULL,
    project TEXT NOT NULL,
    task TEXT NOT NULL,
    source TEXT NOT NULL,
    label TEXT NOT NULL,
    confidence TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, project, task, source),
    FOREIGN KEY (tenant, project, task) REFERENCES label_tasks (tenant, project, task)
);

-- What judges decided; the highest number of a task holds.
CREATE TABLE label_adjudications (
    tenant TEXT NOT NULL,
    project TEXT NOT NULL,
    task TEXT NOT NULL,
    number BIGINT NOT NULL,
    label TEXT NOT NULL,
    reason TEXT NOT NULL,
    guideline BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, project, task, number),
    FOREIGN KEY (tenant, project, task) REFERENCES label_tasks (tenant, project, task)
);
