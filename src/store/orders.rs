//! What follows from an order, given what is known? The [`Change`]s, and the answer to whoever gave it.
//!
//! Pure, and shared by all stores: two that carry out the same orders hold the same facts.

use std::sync::Arc;

use crate::access::{Answer, Conflict, Id, Knock, KnockState, Revocation, RoomName, Timestamp};

use super::picture::{Picture, RoomPicture};
use super::{Barred, Change, KnockError, Meeting, StoreError, WAITING_FOR, WAITING_MAX, WAITING_MAX_ALL};

/// A picture in which orders are carried out, and the changes that this took.
///
/// An order that is refused changes nothing.
pub(super) struct Stage<'a> {
    picture: &'a mut Picture,
    changes: Vec<Change>,
}

impl<'a> Stage<'a> {
    /// Nothing has changed yet.
    pub(super) fn on(picture: &'a mut Picture) -> Self {
        Self { picture, changes: Vec::new() }
    }

    /// What has changed, in order.
    pub(super) fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    /// [`super::Store::knock`].
    pub(super) fn knock(&mut self, id: Id, room: &RoomName, visitor: Id, name: &str, at: Timestamp) -> Result<Knock, KnockError> {
        let earlier = self.knock_by(room, visitor);
        let next = match &earlier {
            Some(knock) => knock.again(name, at),
            None => self.first_knock(id, room, visitor, name, at)?,
        };
        let one_more = next.state == KnockState::Waiting && earlier.as_ref().is_none_or(|k| k.state != KnockState::Waiting);
        let here = self.picture.room(room).map_or(0, RoomPicture::waiting);
        if one_more && (here >= WAITING_MAX || self.picture.waiting() >= WAITING_MAX_ALL) {
            return Err(KnockError::Crowded);
        }
        Ok(self.renew(earlier.as_deref(), next))
    }

    /// [`super::Store::leave`].
    pub(super) fn leave(&mut self, room: &RoomName, visitor: Id) {
        if let Some(knock) = self.knock_by(room, visitor) {
            self.renew(Some(&knock), knock.leave());
        }
    }

    /// [`super::Store::answer`].
    pub(super) fn answer(
        &mut self,
        room: &RoomName,
        id: Id,
        answer: Answer,
        seen: u32,
        by: &str,
        at: Timestamp,
    ) -> Result<Knock, Conflict> {
        let knock = self.picture.room(room).and_then(|r| r.knock_of(id)).cloned().ok_or(Conflict::Gone)?;
        let next = knock.answer(answer, seen, by, at)?;
        if next != *knock && next.state == KnockState::Granted {
            self.keep_meeting(id, room, at);
        }
        Ok(self.renew(Some(&knock), next))
    }

    /// [`super::Store::move_back`].
    pub(super) fn move_back(&mut self, id: Id, room: &RoomName, visitor: Id, name: &str, at: Timestamp) -> Result<Knock, StoreError> {
        let earlier = self.knock_by(room, visitor);
        let next = match &earlier {
            // Asked to wait twice: they wait already, and the version that an owner sees must not move under them.
            Some(knock) if knock.state == KnockState::Waiting => Knock::clone(knock),
            Some(knock) => knock.back(at),
            None => self.first_knock(id, room, visitor, name, at)?,
        };
        Ok(self.renew(earlier.as_deref(), next))
    }

    /// [`super::Store::bar`].
    pub(super) fn bar(&mut self, barred: Barred) {
        self.keep_meeting(barred.id, &barred.room, barred.at);
        let knock = barred.visitor.and_then(|visitor| self.knock_by(&barred.room, visitor));
        let barred = Arc::new(barred);
        if self.picture.room(&barred.room).and_then(|r| r.bars().get(barred.id)) != Some(&barred) {
            self.write(Change::Barred(barred));
        }
        if let Some(knock) = knock {
            match knock.state {
                KnockState::Granted | KnockState::Waiting => self.forget(&knock),
                KnockState::Denied | KnockState::None => {}
            }
        }
    }

    /// [`super::Store::unbar`].
    pub(super) fn unbar(&mut self, room: &RoomName, id: Id) -> bool {
        let known = self.picture.room(room).is_some_and(|r| r.bars().get(id).is_some());
        if known {
            self.write(Change::Unbarred(room.clone(), id));
        }
        known
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
        let next = match open {
            // Two who report at once may arrive in either order.
            Some(meeting) => Meeting { alive: meeting.alive.max(at), ..meeting.clone() },
            None => Meeting { room: room.clone(), id, opened: at, alive: at },
        };
        if open != Some(&next) {
            self.write(Change::Meeting(next.clone()));
        }
        next
    }

    /// [`super::Store::end_meeting`].
    pub(super) fn end_meeting(&mut self, room: &RoomName) {
        let something = |r: &RoomPicture| {
            r.meeting().is_some() || r.knocks().any(|k| k.state != KnockState::Waiting) || r.bars().all().any(|b| !b.lasting)
        };
        if self.picture.room(room).is_some_and(something) {
            self.write(Change::MeetingEnded(room.clone()));
        }
    }

    /// [`super::Store::end_quiet_meeting`].
    pub(super) fn end_quiet_meeting(&mut self, room: &RoomName, since: Timestamp) -> bool {
        let quiet = self.picture.room(room).and_then(RoomPicture::meeting).is_some_and(|m| m.alive <= since);
        if quiet {
            self.end_meeting(room);
        }
        quiet
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
        knocks.iter().for_each(|knock| self.forget(knock));
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
        Ok(Knock { id, room, visitor, name, version: 1, state: KnockState::Waiting, at, answered: None })
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

    fn write(&mut self, change: Change) {
        self.picture.apply(&change);
        self.changes.push(change);
    }
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
