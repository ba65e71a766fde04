//! What follows from an order, given what is known? The [`Change`]s, the [`Event`]s, and the answer to whoever gave it.
//!
//! Pure, and shared by all stores: two that carry out the same orders hold the same facts and tell the same story.

use std::sync::Arc;

use crate::access::{Answer, Bar, By, Conflict, Id, Knock, KnockState, Remembered, Revocation, RoomName, Through, Timestamp};

use super::picture::{Picture, RoomPicture};
use super::{
    Asking, Barred, Change, Event, KNOCKS_MAX, KNOCKS_MAX_ALL, KnockError, Meeting, StoreError, WAITING_FOR, WAITING_MAX, WAITING_MAX_ALL,
    What, Who,
};

/// A picture in which orders are carried out, and what this took.
///
/// An order that is refused changes nothing.
pub(super) struct Stage<'a> {
    picture: &'a mut Picture,
    took: Took,
}

/// What orders took, each list in its order.
#[derive(Default)]
pub(super) struct Took {
    pub(super) changes: Vec<Change>,
    pub(super) events: Vec<Event>,
}

impl<'a> Stage<'a> {
    /// Nothing has changed yet.
    pub(super) fn on(picture: &'a mut Picture) -> Self {
        Self { picture, took: Took::default() }
    }

    /// What has changed.
    pub(super) fn into_outcome(self) -> Took {
        self.took
    }

    /// [`super::Store::knock`].
    pub(super) fn knock(&mut self, asking: &Asking) -> Result<Knock, KnockError> {
        let Asking { id, room, visitor, name, message, at, sent_back } = asking;
        let earlier = self.knock_by(room, *visitor);
        let mut next = match &earlier {
            Some(knock) if sent_back.is_some_and(|back| knock.is_granted_before(back)) => {
                Knock { name: name.clone(), message: message.clone(), ..knock.back(*at) }
            }
            Some(knock) => knock.again(name, message.as_deref(), *at),
            None => Knock { message: message.clone(), ..self.first_knock(*id, room, *visitor, name, *at)? },
        };
        next.moved_back |= sent_back.is_some() && next.state == KnockState::Waiting;
        let one_more = next.state == KnockState::Waiting && earlier.as_ref().is_none_or(|k| k.state != KnockState::Waiting);
        let choice = self.picture.room(room).and_then(RoomPicture::remembered).filter(|_| one_more && sent_back.is_none()).cloned();
        let (here, known) = self.picture.room(room).map_or((0, 0), |r| (r.waiting(), r.knocks().len()));
        let waits = one_more && choice.is_none();
        let crowded = waits && (here >= WAITING_MAX || self.picture.waiting() >= WAITING_MAX_ALL);
        if crowded || (earlier.is_none() && (known >= KNOCKS_MAX || self.picture.knocks() >= KNOCKS_MAX_ALL)) {
            return Err(KnockError::Crowded);
        }
        if one_more {
            self.about(What::Knocked, &next, None, *at);
        } else if earlier.as_ref().is_some_and(|k| k.version != next.version) {
            self.about(What::Renamed, &next, None, *at);
        }
        let told_no = choice.as_ref().is_some_and(|choice| choice.answer == Answer::Deny);
        let next = match &choice {
            // Nobody has to look at it: what was said of everybody is its answer.
            Some(choice) => {
                let by = By { through: Through::Choice, ..choice.by.clone() };
                next.answer(choice.answer, next.version, &by.name, *at).map_or(next, |next| self.answered(next, choice.answer, by, *at))
            }
            None => next,
        };
        // Whoever is told no by what was said of everybody is told so without a knock of their own: nobody fills the store by that.
        Ok(if told_no && earlier.is_none() { next } else { self.renew(earlier.as_deref(), next) })
    }

    /// [`super::Store::leave`].
    pub(super) fn leave(&mut self, room: &RoomName, visitor: Id, at: Timestamp) {
        if let Some(knock) = self.knock_by(room, visitor) {
            if knock.state == KnockState::Waiting {
                self.about(What::Left, &knock, None, at);
            }
            self.renew(Some(&knock), knock.leave());
        }
    }

    /// [`super::Store::answer`].
    pub(super) fn answer(&mut self, room: &RoomName, id: Id, answer: Answer, seen: u32, by: &By, at: Timestamp) -> Result<Knock, Conflict> {
        let knock = self.picture.room(room).and_then(|r| r.knock_of(id)).cloned().ok_or(Conflict::Gone)?;
        let mut next = knock.answer(answer, seen, &by.name, at)?;
        if next != *knock {
            next = self.answered(next, answer, by.clone(), at);
        }
        Ok(self.renew(Some(&knock), next))
    }

    /// [`super::Store::answer_everyone`].
    pub(super) fn answer_everyone(
        &mut self,
        room: &RoomName,
        seen: Option<&[(Id, u32)]>,
        answer: Answer,
        by: &By,
        at: Timestamp,
    ) -> Vec<Knock> {
        let mut waiting: Vec<(Timestamp, Id, u32)> = match self.picture.room(room) {
            Some(room) => room.knocks().filter(|k| k.state == KnockState::Waiting).map(|k| (k.at, k.id, k.version)).collect(),
            None => Vec::new(),
        };
        waiting.sort_unstable();
        if let Some(seen) = seen {
            let seen: std::collections::HashSet<_> = seen.iter().copied().collect();
            waiting.retain(|(_, id, version)| seen.contains(&(*id, *version)));
        }
        waiting.into_iter().filter_map(|(_, id, version)| self.answer(room, id, answer, version, by, at).ok()).collect()
    }

    /// [`super::Store::remember`].
    pub(super) fn remember(&mut self, id: Id, room: &RoomName, answer: Option<Answer>, by: &By, at: Timestamp) {
        let known = self.picture.room(room).and_then(RoomPicture::remembered);
        if known.map(|r| r.answer) == answer {
            return;
        }
        self.keep_meeting(id, room, at);
        let choice = answer.map(|answer| Arc::new(Remembered { answer, by: by.clone(), at }));
        let what = match answer {
            Some(Answer::Allow) => What::AllowAll,
            Some(Answer::Deny) => What::DenyAll,
            None => What::AskAgain,
        };
        self.happened(room, what, (None, 0), Some(by.clone()), at);
        self.write(Change::Remembered(room.clone(), choice));
    }

    /// [`super::Store::move_back`].
    pub(super) fn move_back(&mut self, barred: Barred) -> Result<Knock, StoreError> {
        let Barred { id, room, name, at, by, .. } = barred.clone();
        let visitor = barred.visitor.ok_or_else(|| StoreError::Failed("whoever is sent back needs a browser to wait in".to_owned()))?;
        let earlier = self.knock_by(&room, visitor);
        let next = match &earlier {
            // Asked to wait twice: they wait already, and the version that an owner sees must not move under them.
            Some(knock) if knock.state == KnockState::Waiting => Knock { moved_back: true, ..Knock::clone(knock) },
            Some(knock) => knock.back(at),
            None => Knock { moved_back: true, ..self.first_knock(id, &room, visitor, &name, at)? },
        };
        self.keep_meeting(id, &room, at);
        self.about(What::MovedBack, &next, Some(by), at);
        // The waiting first: whoever hears of the bar finds out that nobody has let them in again.
        let next = self.renew(earlier.as_deref(), next);
        self.write(Change::Barred(Arc::new(Barred { kind: Bar::Back, lasting: false, ..barred })));
        Ok(next)
    }

    /// [`super::Store::bar`].
    pub(super) fn bar(&mut self, barred: Barred) {
        self.keep_meeting(barred.id, &barred.room, barred.at);
        let knock = barred.visitor.and_then(|visitor| self.knock_by(&barred.room, visitor));
        let barred = Arc::new(barred);
        if self.picture.room(&barred.room).and_then(|r| r.bars().get(barred.id)) != Some(&barred) {
            let what = match barred.kind {
                Bar::Banned => What::Banned,
                Bar::Ejected => What::Removed,
                Bar::Back => What::MovedBack,
            };
            self.happened(&barred.room, what, (Some(kept_out(&barred)), 0), Some(barred.by.clone()), barred.at);
            self.write(Change::Barred(barred.clone()));
        }
        if let Some(knock) = knock {
            match knock.state {
                KnockState::Waiting => {
                    self.about(What::Left, &knock, Some(barred.by.clone()), barred.at);
                    self.forget(&knock);
                }
                KnockState::Granted => self.forget(&knock),
                KnockState::Denied | KnockState::None => {}
            }
        }
    }

    /// [`super::Store::unbar`].
    pub(super) fn unbar(&mut self, room: &RoomName, id: Id, by: &By, at: Timestamp) -> bool {
        let Some(barred) = self.picture.room(room).and_then(|r| r.bars().get(id)).cloned() else { return false };
        self.happened(room, What::Lifted, (Some(kept_out(&barred)), 0), Some(by.clone()), at);
        self.write(Change::Unbarred(room.clone(), id));
        true
    }

    /// [`super::Store::revoke`].
    pub(super) fn revoke(&mut self, order: &Revocation) {
        if !self.picture.revoked().contains(order) {
            self.write(Change::Revoked(order.clone()));
        }
    }

    /// [`super::Store::alive`].
    pub(super) fn alive(&mut self, id: Id, room: &RoomName, at: Timestamp) -> Meeting {
        let open = self.picture.room(room).and_then(RoomPicture::meeting);
        let begins = open.is_none();
        let next = match open {
            // Two who report at once may arrive in either order.
            Some(meeting) => Meeting { alive: meeting.alive.max(at), ..meeting.clone() },
            None => Meeting { room: room.clone(), id, opened: at, alive: at },
        };
        if open != Some(&next) {
            self.write(Change::Meeting(next.clone()));
        }
        if begins {
            self.happened(room, What::MeetingStarted, (None, 0), None, at);
        }
        next
    }

    /// [`super::Store::end_meeting`].
    pub(super) fn end_meeting(&mut self, room: &RoomName, at: Timestamp) {
        let Some(known) = self.picture.room(room) else { return };
        let open = known.meeting().is_some();
        let left_over = known.knocks().any(|k| k.state != KnockState::Waiting) || known.bars().all().any(|b| !b.lasting);
        if open {
            self.happened(room, What::MeetingEnded, (None, 0), None, at);
        }
        if open || left_over || known_choice(self.picture, room) {
            self.write(Change::MeetingEnded(room.clone()));
        }
    }

    /// [`super::Store::end_quiet_meeting`].
    pub(super) fn end_quiet_meeting(&mut self, room: &RoomName, since: Timestamp, at: Timestamp) -> bool {
        let quiet = self.picture.room(room).and_then(RoomPicture::meeting).is_some_and(|m| m.alive <= since);
        if quiet {
            self.end_meeting(room, at);
        }
        quiet
    }

    /// [`super::Store::seen`].
    pub(super) fn seen(&mut self, room: &RoomName, what: What, who: Who, at: Timestamp) {
        self.happened(room, what, (Some(who), 0), None, at);
    }

    /// [`super::Store::sweep`].
    pub(super) fn sweep(&mut self, now: Timestamp) -> usize {
        let mut knocks = Vec::new();
        let mut bars = Vec::new();
        for (_, room) in self.picture.rooms() {
            let open = room.meeting().is_some();
            knocks.extend(room.knocks().filter(|knock| stale(knock, open, now)).cloned());
            bars.extend(room.bars().all().filter(|barred| !barred.lasting && !open).cloned());
        }
        // In an order of their own: what is told must not depend on how they lie in memory.
        knocks.sort_unstable_by(|a, b| (&a.room, a.at, a.id).cmp(&(&b.room, b.at, b.id)));
        bars.sort_unstable_by(|a, b| (&a.room, a.id).cmp(&(&b.room, b.id)));
        for knock in &knocks {
            if knock.state == KnockState::Waiting {
                self.about(What::Left, knock, Some(By::new("", Through::Time)), now);
            }
            self.forget(knock);
        }
        bars.iter().for_each(|barred| self.write(Change::Unbarred(barred.room.clone(), barred.id)));
        knocks.len().saturating_add(bars.len())
    }

    fn knock_by(&self, room: &RoomName, visitor: Id) -> Option<Arc<Knock>> {
        self.picture.room(room)?.knock(visitor).cloned()
    }

    fn first_knock(&self, id: Id, room: &RoomName, visitor: Id, name: &str, at: Timestamp) -> Result<Knock, StoreError> {
        // Owners name a knock by its id: two of the same would let an answer reach somebody else.
        if self.picture.room(room).is_some_and(|r| r.knock_of(id).is_some()) {
            return Err(StoreError::Failed("a new knock needs an id of its own".to_owned()));
        }
        let (room, name) = (room.clone(), name.into());
        let state = KnockState::Waiting;
        Ok(Knock { id, room, visitor, name, message: None, version: 1, state, moved_back: false, at, answered: None })
    }

    /// What goes with an answer that counts.
    fn answered(&mut self, knock: Knock, answer: Answer, by: By, at: Timestamp) -> Knock {
        let what = match answer {
            Answer::Allow => {
                self.keep_meeting(knock.id, &knock.room, at);
                What::Allowed
            }
            Answer::Deny => What::Denied,
        };
        self.about(what, &knock, Some(by), at);
        knock
    }

    fn renew(&mut self, earlier: Option<&Knock>, next: Knock) -> Knock {
        if earlier != Some(&next) {
            self.write(Change::Knock(Arc::new(next.clone())));
        }
        next
    }

    fn forget(&mut self, knock: &Knock) {
        self.write(Change::Knock(Arc::new(Knock { state: KnockState::None, ..knock.clone() })));
    }

    /// An owner's word opens a meeting or keeps it alive: else a grant in the last moment of the grace would be gone before
    /// its bearer came through the door.
    fn keep_meeting(&mut self, cause: Id, room: &RoomName, at: Timestamp) {
        self.alive(meeting_id(cause, at), room, at);
    }

    fn about(&mut self, what: What, knock: &Knock, by: Option<By>, at: Timestamp) {
        self.happened(&knock.room, what, (Some(Who::knocked(knock)), knock.version), by, at);
    }

    fn happened(&mut self, room: &RoomName, what: What, who: (Option<Who>, u32), by: Option<By>, at: Timestamp) {
        let meeting = self.picture.room(room).and_then(RoomPicture::meeting).map(|m| m.id);
        let nth = self.took.events.len();
        self.took.events.push(Event::new((room, meeting), what, who, by, at, nth));
    }

    fn write(&mut self, change: Change) {
        self.picture.apply(&change);
        self.took.changes.push(change);
    }
}

fn known_choice(picture: &Picture, room: &RoomName) -> bool {
    picture.room(room).is_some_and(|r| r.remembered().is_some())
}

/// Whoever is kept out, as the trail tells of them.
fn kept_out(barred: &Barred) -> Who {
    let id = barred.session.unwrap_or(barred.id);
    let (name, user) = (barred.name.clone(), barred.user.clone());
    Who { id, name, user, owner: false, since: barred.at, message: None, waited: false }
}

/// Whether a knock has outlived its use.
fn stale(knock: &Knock, open: bool, now: Timestamp) -> bool {
    let answered = knock.answered.as_ref().map_or(knock.at, |(at, _)| *at);
    match knock.state {
        KnockState::None => true,
        KnockState::Waiting => now.since(knock.at) >= WAITING_FOR,
        KnockState::Granted => !open,
        // A denial opens no meeting: where none was open, it counts for the next one, if that comes.
        KnockState::Denied => !open && now.since(answered) >= WAITING_FOR,
    }
}

/// The id of a meeting that was opened by a knock or a ban: as random as theirs, and another one each time.
fn meeting_id(cause: Id, at: Timestamp) -> Id {
    let mut bytes = cause.bytes();
    for (byte, moment) in bytes.iter_mut().rev().zip(at.as_millis().to_le_bytes()) {
        *byte ^= moment;
    }
    Id::new(bytes)
}
