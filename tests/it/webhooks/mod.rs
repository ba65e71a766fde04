//! What others are told, and what becomes of it when they do not listen.

mod crash;
mod failing;
mod receivers;
mod telling;

const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const ROOMS: &str = "[[room]]\nname = \"standup\"\nprivacy = \"private\"\nenable_knocking = true\n\
                     [[room]]\nname = \"board\"\nprivacy = \"private\"\nenable_knocking = true\n";
