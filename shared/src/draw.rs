//! A draw's states and the transitions between them.

use serde::{Deserialize, Serialize};

/// A stored state. "Open" is none: it is derived from the clock, see [`Phase`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DrawState {
    /// Seen by organisers only.
    Draft,
    /// Public; registers from `opens_at` until `closes_at`.
    Announced,
    /// The list is frozen.
    Closed,
    /// The frozen list has been fingerprinted and published, before any drawing.
    Committed,
    /// Winners exist.
    Drawn,
    /// Winners are public.
    Published,
    /// Called off.
    Cancelled,
}

/// What an organiser may ask of a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Make a draft public.
    Announce,
    /// Freeze the list now, or at last when the closing instant has passed.
    Close,
    /// Call the draw off.
    Cancel,
}

/// What a state change comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// Store this state.
    To(DrawState),
    /// The draw is in that state already: succeed and change nothing.
    Already,
    /// Not from here.
    Refused,
}

impl DrawState {
    /// Every state, in the order a draw passes them.
    pub const ALL: [Self; 7] = [
        Self::Draft,
        Self::Announced,
        Self::Closed,
        Self::Committed,
        Self::Drawn,
        Self::Published,
        Self::Cancelled,
    ];

    /// The name in the database, in TOML and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Announced => "announced",
            Self::Closed => "closed",
            Self::Committed => "committed",
            Self::Drawn => "drawn",
            Self::Published => "published",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// What an action does in this state. A draft cannot be closed: nobody could have registered.
    pub fn after(self, action: Action) -> Transition {
        use DrawState::{Announced, Cancelled, Closed, Committed, Draft};
        match (action, self) {
            (Action::Announce, Draft) => Transition::To(Announced),
            (Action::Announce, Announced) | (Action::Close, Closed) | (Action::Cancel, Cancelled) => {
                Transition::Already
            }
            (Action::Close, Announced) => Transition::To(Closed),
            (Action::Cancel, Draft | Announced | Closed | Committed) => Transition::To(Cancelled),
            _ => Transition::Refused,
        }
    }
}

impl Action {
    /// The name in a URL and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Announce => "announce",
            Self::Close => "close",
            Self::Cancel => "cancel",
        }
    }
}

/// A draw's state as seen now: what the API calls `state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Seen by organisers only.
    Draft,
    /// Public, not open yet.
    Announced,
    /// Registers entrants.
    Open,
    /// No longer registers entrants.
    Closed,
    /// The frozen list is committed to.
    Committed,
    /// Winners exist.
    Drawn,
    /// Winners are public.
    Published,
    /// Called off.
    Cancelled,
}

impl Phase {
    /// The phase of a draw in `state` with the window `[opens_at, closes_at)`, at `now`; instants in
    /// milliseconds since 1970.
    pub fn at(state: DrawState, opens_at: i64, closes_at: i64, now: i64) -> Self {
        match state {
            DrawState::Draft => Self::Draft,
            DrawState::Announced if now < opens_at => Self::Announced,
            DrawState::Announced if now < closes_at => Self::Open,
            DrawState::Announced | DrawState::Closed => Self::Closed,
            DrawState::Committed => Self::Committed,
            DrawState::Drawn => Self::Drawn,
            DrawState::Published => Self::Published,
            DrawState::Cancelled => Self::Cancelled,
        }
    }

    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Announced => "announced",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Committed => "committed",
            Self::Drawn => "drawn",
            Self::Published => "published",
            Self::Cancelled => "cancelled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_is_open_from_its_opening_up_to_but_not_at_its_closing() {
        let at = |now| Phase::at(DrawState::Announced, 10, 20, now);
        assert_eq!(
            [at(9), at(10), at(19), at(20)],
            [Phase::Announced, Phase::Open, Phase::Open, Phase::Closed]
        );
        assert_eq!(Phase::at(DrawState::Draft, 10, 20, 15), Phase::Draft);
        assert_eq!(Phase::at(DrawState::Closed, 10, 20, 15), Phase::Closed);
    }

    #[test]
    fn asking_for_the_state_it_is_in_changes_nothing() {
        let asked = [
            (Action::Announce, DrawState::Announced),
            (Action::Close, DrawState::Closed),
            (Action::Cancel, DrawState::Cancelled),
        ];
        for (action, state) in asked {
            assert_eq!(state.after(action), Transition::Already);
        }
    }

    #[test]
    fn nothing_leads_out_of_a_published_or_cancelled_draw() {
        for action in [Action::Announce, Action::Close, Action::Cancel] {
            assert_eq!(DrawState::Published.after(action), Transition::Refused);
            assert!(!matches!(DrawState::Cancelled.after(action), Transition::To(_)));
        }
    }

    #[test]
    fn every_state_is_found_by_its_name() {
        for state in DrawState::ALL {
            assert_eq!(DrawState::from_name(state.as_str()), Some(state));
        }
        assert_eq!(DrawState::from_name("open"), None);
    }
}
