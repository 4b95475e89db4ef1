//! Where a run can go: a definition that can only go round without doing or waiting for anything is refused.

use std::collections::BTreeSet;

use super::model::{Block, Kind, Task, TaskId, Then};
use super::read::Reader;

/// What a task can lead to beside its `then`.
#[derive(Clone, Copy, Default)]
struct Traits {
    /// It does something outside, or waits.
    works: bool,
    /// It may end the run, or fail.
    ends: bool,
}

impl Reader {
    /// Notes every loop without an effect that a run cannot leave.
    pub fn loops(&mut self, root: &Block) {
        let mut blocks = vec![root.clone()];
        for task in self.tasks.iter().flatten() {
            blocks.extend(inner(&task.kind));
        }
        let mut found = Vec::new();
        for block in &blocks {
            found.extend(self.trapped(block));
        }
        for pointer in found {
            self.problem(&pointer, "from here the run can only go round and round, and nothing is done and nothing waited for on the way: let one task go to `end`, or wait");
        }
    }

    fn get(&self, id: TaskId) -> Option<&Task> {
        self.tasks.get(id as usize)?.as_ref()
    }

    fn traits(&self, id: TaskId) -> Traits {
        let Some(task) = self.get(id) else {
            // It was refused for something else.
            return Traits { works: true, ends: true };
        };
        let mut traits = Traits::default();
        match &task.kind {
            Kind::Call(_) | Kind::Listen(_) | Kind::Emit(_) | Kind::Wait(_) | Kind::Run { .. } => traits.works = true,
            Kind::Raise(_) => traits.ends = true,
            Kind::Switch(cases) => traits.ends |= cases.iter().any(|c| c.then == Then::End),
            _ => {}
        }
        traits.ends |= task.then == Then::End;
        for block in inner(&task.kind) {
            for id in block.iter() {
                let below = self.traits(*id);
                traits.works |= below.works;
                traits.ends |= below.ends;
            }
        }
        traits
    }

    /// The first task of a block from which no way leads out of it, to an effect or to an end.
    fn trapped(&self, block: &Block) -> Option<String> {
        let len = block.len();
        // The ways from each task; `len` is out of the block.
        let ways: Vec<Vec<usize>> = block
            .iter()
            .enumerate()
            .map(|(place, id)| {
                let Some(task) = self.get(*id) else {
                    return vec![len];
                };
                let traits = self.traits(*id);
                if traits.works || traits.ends {
                    return vec![len];
                }
                let to = |then: &Then| match then {
                    Then::Continue => place + 1,
                    Then::Exit | Then::End => len,
                    Then::Task(place) => *place,
                };
                let mut ways = Vec::new();
                if task.when.is_some() {
                    ways.push(place + 1);
                }
                match &task.kind {
                    Kind::Switch(cases) => {
                        ways.extend(cases.iter().map(|c| to(&c.then)));
                        if cases.iter().all(|c| c.when.is_some()) {
                            ways.push(to(&task.then));
                        }
                    }
                    _ => ways.push(to(&task.then)),
                }
                ways
            })
            .collect();
        let mut back: Vec<Vec<usize>> = vec![Vec::new(); len + 1];
        for (from, ways) in ways.iter().enumerate() {
            for to in ways {
                if let Some(back) = back.get_mut((*to).min(len)) {
                    back.push(from);
                }
            }
        }
        let reached = closure(0, &ways);
        let leaves = closure(len, &back);
        let stuck = reached.difference(&leaves).next()?;
        block.get(*stuck).and_then(|id| self.get(*id)).map(|task| task.pointer.clone())
    }
}

/// Everything that can be reached, in order of place.
fn closure(from: usize, ways: &[Vec<usize>]) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        if reached.insert(at) {
            open.extend(ways.get(at).into_iter().flatten());
        }
    }
    reached
}

/// The blocks within a task.
fn inner(kind: &Kind) -> Vec<Block> {
    match kind {
        Kind::Do(block) => vec![block.clone()],
        Kind::For(f) => vec![f.block.clone()],
        // Each branch is a list of its own.
        Kind::Fork { branches, .. } => branches.iter().map(|id| Block::from([*id])).collect(),
        Kind::Try(t) => [Some(t.block.clone()), t.block_of_catch.clone()].into_iter().flatten().collect(),
        Kind::Listen(l) => l.each.iter().map(|e| e.block.clone()).collect(),
        _ => Vec::new(),
    }
}
