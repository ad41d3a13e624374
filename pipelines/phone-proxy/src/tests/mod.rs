//! Whole flows in octets, both ways.

mod bad_input;
mod calls;
mod dialogs;
mod disorder;
mod hiding;
mod lab;
mod offers;
mod peers;
mod registration;
mod security;
mod translation;

use lab::{Lab, Setup, crypto_line, sdp};
