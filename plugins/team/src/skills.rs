//! Skills: what people lack, and in which order trainings close it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use steward_sdk::team::{Error, Gap, Member, Note, Plan, PlanStep, SkillLevel, Standing, Training};

use crate::notes::{at_most, named, note, shown};

const MAX_MEMBERS: usize = 5000;
const MAX_TRAININGS: usize = 1000;
/// The most skills or trainings of one list.
const MAX_LIST: usize = 500;

/// One plan for each person.
///
/// # Errors
/// `invalid-input` for trainings that break a rule.
pub fn plans(members: &[Member], trainings: &[Training]) -> Result<Vec<Plan>, Error> {
    at_most("people", members.len(), MAX_MEMBERS)?;
    at_most("trainings", trainings.len(), MAX_TRAININGS)?;
    let catalogue = Catalogue::new(trainings)?;
    for member in members {
        for list in [member.wanted.len(), member.held.len(), member.done.len()] {
            at_most("entries of a person", list, MAX_LIST)?;
        }
    }
    Ok(members
        .iter()
        .map(|member| catalogue.plan(member))
        .collect())
}

struct Catalogue<'t> {
    trainings: &'t [Training],
    by_name: HashMap<&'t str, usize>,
    /// What each training requires, by place.
    requires: Vec<Vec<usize>>,
    /// The place of each training in an order in which nothing stands before what it requires.
    turn: Vec<usize>,
}

impl<'t> Catalogue<'t> {
    fn new(trainings: &'t [Training]) -> Result<Self, Error> {
        let wrong = |training: &Training, why: &str| {
            Error::InvalidInput(format!("the training `{}` {why}", shown(&training.name)))
        };
        let mut by_name = HashMap::new();
        for (place, training) in trainings.iter().enumerate() {
            if !named(&training.name) || !named(&training.skill) {
                return Err(wrong(
                    training,
                    "has no name or no skill: 1 to 200 characters on one line",
                ));
            }
            if !training.hours.is_finite() || !(0.0..=1e6).contains(&training.hours) {
                return Err(wrong(
                    training,
                    "takes no number of hours between 0 and 1,000,000",
                ));
            }
            if training.requires.len() > MAX_LIST {
                return Err(wrong(training, "requires over 500 others"));
            }
            if by_name.insert(training.name.as_str(), place).is_some() {
                return Err(wrong(training, "is there twice; keep one"));
            }
        }
        let mut requires = Vec::with_capacity(trainings.len());
        for training in trainings {
            let mut places = BTreeSet::new();
            for name in &training.requires {
                let Some(place) = by_name.get(name.as_str()) else {
                    let why = format!("requires `{}`, which is no training", shown(name));
                    return Err(wrong(training, &why));
                };
                places.insert(*place);
            }
            requires.push(places.into_iter().collect());
        }
        let turn = order(&requires).map_err(|circle| {
            let names: Vec<String> = circle
                .iter()
                .filter_map(|place| trainings.get(*place))
                .map(|training| shown(&training.name))
                .collect();
            Error::InvalidInput(format!(
                "trainings require each other in a circle: {}; take one requirement away",
                names.join(" → ")
            ))
        })?;
        Ok(Self {
            trainings,
            by_name,
            requires,
            turn,
        })
    }

    /// A training and everything that it requires.
    fn with_required(&self, place: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open = vec![place];
        while let Some(next) = open.pop() {
            if found.insert(next) {
                open.extend(self.requires.get(next).into_iter().flatten());
            }
        }
        found
    }

    fn hours(&self, places: impl IntoIterator<Item = usize>) -> f64 {
        let of = |place: usize| {
            self.trainings
                .get(place)
                .map_or(0.0, |training| training.hours)
        };
        places.into_iter().map(of).sum()
    }

    fn plan(&self, member: &Member) -> Plan {
        let mut reasons = Vec::new();
        let mut done = BTreeSet::new();
        for name in &member.done {
            match self.by_name.get(name.as_str()) {
                Some(place) => {
                    done.insert(*place);
                }
                None => reasons.push(unknown(name)),
            }
        }
        let held = levels(&member.held);
        let mut gaps = Vec::new();
        let mut chosen = BTreeSet::new();
        for (skill, wanted) in levels(&member.wanted) {
            let held = held.get(skill).copied().unwrap_or_default();
            if held >= wanted {
                continue;
            }
            let found = self.choose(skill, held, wanted, &done);
            let closed = found.is_some_and(|(_, closes)| closes);
            if !closed {
                reasons.push(uncovered(skill, wanted));
            }
            if let Some((place, _)) = found {
                chosen.extend(self.with_required(place));
            }
            gaps.push(Gap {
                skill: skill.to_owned(),
                held,
                wanted,
                closed,
            });
        }
        let mut places: Vec<usize> = chosen.into_iter().collect();
        places.sort_by_key(|place| self.turn.get(*place).copied());
        let total = self.hours(places.iter().copied());
        let had = self.hours(places.iter().copied().filter(|place| done.contains(place)));
        let finished = places.iter().all(|place| done.contains(place));
        let steps = places.iter().filter_map(|place| {
            let training = self.trainings.get(*place)?;
            let is_done = done.contains(place);
            let required = self.requires.get(*place)?;
            Some(PlanStep {
                training: training.name.clone(),
                hours: training.hours,
                done: is_done,
                ready: !is_done && required.iter().all(|place| done.contains(place)),
            })
        });
        Plan {
            person: member.person.clone(),
            standing: Standing::NeedsSignOff,
            gaps,
            steps: steps.collect(),
            progress: if finished {
                1.0
            } else if total > 0.0 {
                (had / total).clamp(0.0, 1.0)
            } else {
                0.0
            },
            reasons,
        }
    }

    /// The training for a gap, and whether it closes it.
    fn choose(
        &self,
        skill: &str,
        held: u32,
        wanted: u32,
        done: &BTreeSet<usize>,
    ) -> Option<(usize, bool)> {
        let all = self.trainings.iter().enumerate();
        let of_skill = all.filter(|(_, training)| training.skill == skill && training.level > held);
        let cost = |place: usize| {
            let needed = self.with_required(place);
            self.hours(needed.into_iter().filter(|place| !done.contains(place)))
        };
        // Those that reach the level come first, then fewer hours; of the others the highest, then fewer hours.
        let rank = |(place, training): &(usize, &Training)| {
            let closes = training.level >= wanted;
            let short = if closes { 0 } else { wanted - training.level };
            (short, cost(*place), *place)
        };
        let best = of_skill
            .map(|found| (rank(&found), found))
            .min_by(|(a, _), (b, _)| {
                (a.0.cmp(&b.0))
                    .then(a.1.total_cmp(&b.1))
                    .then(a.2.cmp(&b.2))
            })?;
        let (_, (place, training)) = best;
        Some((place, training.level >= wanted))
    }
}

/// The highest level of each skill, by its name.
fn levels(given: &[SkillLevel]) -> BTreeMap<&str, u32> {
    let mut levels = BTreeMap::new();
    for SkillLevel { skill, level } in given {
        let highest = levels.entry(skill.as_str()).or_insert(*level);
        *highest = (*highest).max(*level);
    }
    levels
}

fn unknown(name: &str) -> Note {
    let name = shown(name);
    note(
        "unknown-training",
        format!("`{name}` was done and is none of the trainings"),
        format!("已完成的「{name}」不在培训目录中"),
    )
}

fn uncovered(skill: &str, wanted: u32) -> Note {
    let skill = shown(skill);
    note(
        "no-training",
        format!("no training reaches level {wanted} of `{skill}`"),
        format!("没有培训能达到「{skill}」的第 {wanted} 级"),
    )
}

/// The turn of each place, such that everything comes after what it requires, in the order that was given otherwise; else
/// a circle, whose first place is named again at its end.
fn order(requires: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut turn = vec![usize::MAX; requires.len()];
    let mut required_by = vec![Vec::new(); requires.len()];
    let mut waits_for: Vec<usize> = requires.iter().map(Vec::len).collect();
    for (place, required) in requires.iter().enumerate() {
        for other in required {
            if let Some(list) = required_by.get_mut(*other) {
                list.push(place);
            }
        }
    }
    let waiting = waits_for.iter().enumerate();
    let mut free: BTreeSet<usize> = waiting
        .filter(|(_, count)| **count == 0)
        .map(|(place, _)| place)
        .collect();
    let mut next = 0;
    while let Some(place) = free.pop_first() {
        if let Some(turn) = turn.get_mut(place) {
            *turn = next;
        }
        next += 1;
        for other in required_by.get(place).into_iter().flatten() {
            if let Some(count) = waits_for.get_mut(*other) {
                *count -= 1;
                if *count == 0 {
                    free.insert(*other);
                }
            }
        }
    }
    if next == requires.len() {
        return Ok(turn);
    }
    // Whoever has no turn requires another without a turn: following that comes round.
    let stuck = |place: &usize| turn.get(*place) == Some(&usize::MAX);
    let mut way = Vec::new();
    let mut at = (0..requires.len()).find(stuck);
    while let Some(place) = at {
        if let Some(begin) = way.iter().position(|before| *before == place) {
            way.push(place);
            return Err(way.split_off(begin));
        }
        way.push(place);
        at = requires
            .get(place)
            .and_then(|required| required.iter().copied().find(stuck));
    }
    Err(way)
}
