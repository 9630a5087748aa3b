/// Kamailio as the proxy at the edge of a network: phones reach Tandem through it, and calls to them come back the way they
/// registered (RFC 3327, RFC 5626).
final class Kamailio: Sendable {
  let address: String
  private let process: ChildProcess

  /// - Parameter keepsFlows: As RFC 5626 wants it of an edge proxy: the flow is named in Path, and one that is gone is
  ///   answered with 430.
  init(_ scratch: Scratch, to server: TandemServer, keepsFlows: Bool) async throws {
    address = Loopback.address()
    // Never another connection than the one that the phone has opened; no error of its own (0x02).
    let flow = #"set_forward_no_connect(); if (!t_relay_to("0x02")) send_reply("430", "Flow Failed");"#
    let directory = try scratch.directory("kamailio")
    try scratch.write(
      "kamailio/kamailio.cfg",
      """
      #!KAMAILIO
      debug=2
      log_stderror=yes
      fork=yes
      children=1
      tcp_children=1
      auto_aliases=no
      listen=udp:\(address):5060
      listen=tcp:\(address):5060
      alias="\(address)"
      mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/:/usr/lib/aarch64-linux-gnu/kamailio/modules/"
      loadmodule "tm.so"
      loadmodule "sl.so"
      loadmodule "rr.so"
      loadmodule "pv.so"
      loadmodule "xlog.so"
      loadmodule "maxfwd.so"
      loadmodule "textops.so"
      loadmodule "siputils.so"
      \(keepsFlows ? "loadmodule \"stun.so\"\nloadmodule \"outbound.so\"" : "")
      loadmodule "path.so"
      modparam("path", "use_received", 1)
      request_route {
        xlog("L_INFO", "$proto $rm $ru from $si\\n");
        if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
        if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
        if (is_method("REGISTER")) {
          remove_hf("Route");
          \(keepsFlows ? "add_path();" : "add_path_received();")
          $du = "sip:\(server.address):5060";
          t_relay();
          exit;
        }
        if (is_method("INVITE|SUBSCRIBE")) record_route();
        if (loose_route()) {
          \(keepsFlows ? flow : "t_relay();")
          exit;
        }
        if ($si != "\(server.address)") $du = "sip:\(server.address):5060";
        t_relay();
      }
      """)
    process = try ChildProcess(
      "kamailio", "/usr/sbin/kamailio",
      ["-f", "\(directory)/kamailio.cfg", "-w", directory, "-DD", "-E", "-m", "32", "-M", "4"],
      directory: directory)
    _ = try await process.waitForLine(containing: "SO_RCVBUF is finally")
  }

  /// What it has passed on, a line a request: transport, method, request URI, source.
  var requests: [String] { process.lines.all.filter { $0.contains("<script>") } }
  var output: String { process.tail }
}
