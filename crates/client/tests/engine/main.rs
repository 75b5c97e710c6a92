//! The engine against relays and stores that the tests own.
#![forbid(unsafe_code)]

mod alive;
mod aside;
mod asking;
mod bad_input;
mod clock;
mod conversation;
mod damage;
mod devices;
mod fan_out;
mod faults;
mod giving_up;
mod healing;
mod identity;
mod keys;
mod large;
mod leaving;
mod mending;
mod prekeys_in_time;
mod published;
mod requests;
mod seal;
mod steps;
mod storm;
mod strangers;
mod to_and_fro;
mod trust;
mod window;
mod work;

use pawl_sim::scripted as support;
