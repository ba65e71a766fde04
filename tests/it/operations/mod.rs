//! Running it: the program itself, as its operators meet it.

mod audit;
mod commands;
mod reload;
mod serving;
mod upgrade;
