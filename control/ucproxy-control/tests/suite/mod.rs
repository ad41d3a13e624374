mod admin_socket;
mod dataplane;
mod harness;
mod process;
mod restarts;
mod start;
mod tls_limit;
mod versions;
