/// A sipp scenario written where it is used: what the peer sends, and what it insists on receiving.
///
/// Every expectation is one of sipp's own: a header field that does not match its regular expression fails the call.
struct SippScript {
  enum Role: String { case caller, callee }

  /// A session description with one audio stream.
  struct SDP {
    var version = 1
    var formats = "8 101"
    /// `sendonly`, `recvonly`, `inactive`; nil: both ways.
    var direction: String?

    static let audio = SDP()
    static func audio(_ version: Int, _ direction: String? = nil, formats: String = "8 101") -> SDP {
      SDP(version: version, formats: formats, direction: direction)
    }
  }

  let role: Role
  private var steps = ""
  private var variables: [String] = []
  /// CSeq of our last request.
  private var sequence = 0
  private var method = ""
  private var isInDialog = false
  /// The request received last began the dialog: its To has no tag yet.
  private var isTagDue = false

  private init(_ role: Role) { self.role = role }

  static func caller(_ write: (inout SippScript) -> Void) -> SippScript {
    var script = SippScript(.caller)
    write(&script)
    return script
  }

  static func callee(_ write: (inout SippScript) -> Void) -> SippScript {
    var script = SippScript(.callee)
    write(&script)
    return script
  }

  var xml: String {
    let used = variables.isEmpty ? "" : "  <Reference variables=\"\(variables.joined(separator: ","))\"/>\n"
    return """
      <?xml version="1.0" encoding="ISO-8859-1" ?>
      <scenario name="\(role.rawValue)">
      \(steps)\(used)</scenario>

      """
  }

  // MARK: Requests

  /// Sends a request: the first INVITE outside a dialog, all others within. An INVITE is numbered anew each time.
  mutating func send(
    _ method: String, _ headers: [String] = [], sdp: SDP? = nil, to uri: String? = nil, maxForwards: Int = 70
  ) {
    sequence += 1
    self.method = method
    let target = uri ?? (isInDialog ? "[next_url]" : "sip:[service]@[remote_ip]:[remote_port]")
    write(request: method, target, sequence, parties, headers, sdp, maxForwards: maxForwards)
  }

  /// Acknowledges the 2xx to the last INVITE, or to that with another number.
  mutating func acknowledge(_ number: Int? = nil, sdp: SDP? = nil) {
    write(request: "ACK", "[next_url]", number ?? sequence, parties, [], sdp, isRepeated: false)
  }

  /// Acknowledges the failure just received: part of its INVITE's transaction (RFC 3261 §17.1.1.3).
  mutating func acknowledgeFailure() {
    let target = isInDialog ? "[next_url]" : "sip:[service]@[remote_ip]:[remote_port]"
    steps += """
        <send><![CDATA[
      ACK \(target) SIP/2.0
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      CSeq: \(sequence) ACK
      Max-Forwards: 70
      Content-Length: 0

      ]]></send>

      """
  }

  /// Takes back the INVITE just sent.
  mutating func cancel(_ headers: [String] = []) {
    steps += """
        <send><![CDATA[
      CANCEL sip:[service]@[remote_ip]:[remote_port] SIP/2.0
      [last_Via:]
      [last_From:]
      To: <sip:[service]@[remote_ip]:[remote_port]>
      [last_Call-ID:]
      CSeq: \(sequence) CANCEL
      \((headers + ["Max-Forwards: 70"]).joined(separator: "\n"))
      Content-Length: 0

      ]]></send>

      """
  }

  private var parties: String {
    switch role {
    case .caller:
      """
      From: "caller" <sip:caller@[local_ip]:[local_port]>;tag=[pid]caller[call_number]
      To: <sip:[service]@[remote_ip]:[remote_port]>\(isInDialog ? "[peer_tag_param]" : "")
      """
    case .callee:
      """
      From: [$to];tag=[pid]callee[call_number]
      To: [$from]
      """
    }
  }

  private mutating func write(
    request method: String, _ uri: String, _ number: Int, _ parties: String, _ headers: [String], _ sdp: SDP?,
    maxForwards: Int = 70, isRepeated: Bool = true
  ) {
    var lines = headers
    if method != "ACK", method != "BYE", !headers.contains(where: { $0.hasPrefix("Contact:") }) {
      lines.append(contact)
    }
    steps += """
        <send\(isRepeated ? " retrans=\"500\"" : "")><![CDATA[
      \(method) \(uri) SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      [routes]
      \(parties)
      Call-ID: [call_id]
      CSeq: \(number) \(method)
      Max-Forwards: \(maxForwards)
      \(end(lines, sdp))
      ]]></send>

      """
  }

  private var contact: String {
    "Contact: <sip:\(role.rawValue)@[local_ip]:[local_port];transport=[transport]>"
  }

  private func end(_ headers: [String], _ sdp: SDP?) -> String {
    guard let sdp else { return (headers + ["Content-Length: 0", ""]).joined(separator: "\n") }
    let maps = ["0": "PCMU/8000", "8": "PCMA/8000", "9": "G722/8000", "101": "telephone-event/8000"]
    let attributes = sdp.formats.split(separator: " ").compactMap { format in
      maps[String(format)].map { "a=rtpmap:\(format) \($0)" }
    }
    return """
      \((headers + ["Content-Type: application/sdp", "Content-Length: [len]"]).joined(separator: "\n"))

      v=0
      o=\(role.rawValue) 1 \(sdp.version) IN IP4 [local_ip]
      s=-
      c=IN IP4 [media_ip]
      t=0 0
      m=audio [media_port] RTP/AVP \(sdp.formats)
      \((attributes + (sdp.direction.map { ["a=\($0)"] } ?? [])).joined(separator: "\n"))
      """
  }

  // MARK: Responses

  /// Answers the last request, or the one remembered as `name`.
  ///
  /// - Parameter isRepeated: A 2xx to INVITE, or a reliable provisional response: sent until it is acknowledged.
  mutating func respond(
    _ status: String, _ headers: [String] = [], sdp: SDP? = nil, to name: String? = nil,
    isRepeated: Bool = false
  ) {
    // The tag of an initial INVITE is ours to give.
    let tag = name == "invite" || name == nil && isTagDue ? ";tag=[pid]callee[call_number]" : ""
    let copied =
      name.map {
        "Via: [$\($0 == "invite" ? "" : $0)via]\nFrom: [$\($0 == "invite" ? "" : $0)from]\n"
          + "To: [$\($0 == "invite" ? "" : $0)to]\(tag)\nCall-ID: [call_id]\nCSeq: [$\($0 == "invite" ? "" : $0)cseq]"
      } ?? "[last_Via:]\n[last_From:]\n[last_To:]\(tag)\n[last_Call-ID:]\n[last_CSeq:]"
    steps += """
        <send\(isRepeated ? " retrans=\"500\"" : "")><![CDATA[
      SIP/2.0 \(status)
      \(copied)
      [last_Record-Route:]
      \(end(headers + [contact], sdp))
      ]]></send>

      """
  }

  // MARK: Expectations

  /// Waits for a request. The first INVITE begins the dialog.
  ///
  /// - Parameters:
  ///   - headers: Header fields and what their values must match.
  ///   - body: What the body must match.
  ///   - lacking: What the message must not match.
  ///   - name: By which it can be answered later, when other requests have come in between.
  mutating func expect(
    _ request: String, _ headers: [String: String] = [:], body: String? = nil, lacking: [String] = [],
    as name: String? = nil, optional: Bool = false
  ) {
    let isFirst = role == .callee && request == "INVITE" && !isInDialog
    isTagDue = isFirst
    var actions = checks(headers, body, lacking)
    if let name = isFirst ? "" : name {
      for field in ["Via", "From", "To", "CSeq"] {
        let variable = name + field.lowercased()
        variables.append(variable)
        actions += ereg(".*", "hdr", header: field, into: variable, checked: false)
      }
    }
    receive(
      "request=\"\(request)\"\(isFirst ? " rrs=\"true\"" : "")\(optional ? " optional=\"true\"" : "")",
      actions)
    if isFirst { isInDialog = true }
  }

  /// Waits for a response; one to INVITE that makes the dialog sets its target.
  mutating func expect(
    _ status: Int, _ headers: [String: String] = [:], body: String? = nil, lacking: [String] = [],
    optional: Bool = false, keeping field: (header: String, pattern: String, name: String)? = nil
  ) {
    var actions = checks(headers, body, lacking)
    if let field {
      variables.append(field.name)
      actions += ereg(field.pattern, "hdr", header: field.header, into: field.name, checked: true)
    }
    let makesDialog = role == .caller && (101..<300).contains(status) && (isInDialog || method == "INVITE")
    receive(
      "response=\"\(status)\"\(makesDialog ? " rrs=\"true\"" : "")\(optional ? " optional=\"true\"" : "")",
      actions)
    if makesDialog, !optional { isInDialog = true }
  }

  /// 100, and ringing, as they may come before anything else.
  mutating func expectProgress() {
    for status in [100, 180, 183] { expect(status, optional: true) }
  }

  mutating func pause(_ milliseconds: Int) { steps += "  <pause milliseconds=\"\(milliseconds)\"/>\n" }

  private mutating func receive(_ what: String, _ actions: String) {
    steps +=
      actions.isEmpty
      ? "  <recv \(what)/>\n" : "  <recv \(what)>\n    <action>\n\(actions)    </action>\n  </recv>\n"
  }

  private mutating func checks(_ headers: [String: String], _ body: String?, _ lacking: [String]) -> String {
    var actions = ""
    for (header, pattern) in headers.sorted(by: { $0.key < $1.key }) {
      actions += ereg(pattern, "hdr", header: header, into: fresh(), checked: true)
    }
    if let body { actions += ereg(body, "body", into: fresh(), checked: true) }
    for pattern in lacking { actions += ereg(pattern, "msg", into: fresh(), checked: false, refused: true) }
    return actions
  }

  private mutating func fresh() -> String {
    let name = "check\(variables.count)"
    variables.append(name)
    return name
  }

  private func ereg(
    _ pattern: String, _ place: String, header: String? = nil, into variable: String, checked: Bool,
    refused: Bool = false
  ) -> String {
    let escaped = pattern.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(
      "\"", with: "&quot;")
    return
      "      <ereg regexp=\"\(escaped)\" search_in=\"\(place)\"\(header.map { " header=\"\($0):\"" } ?? "")"
      + "\(checked ? " check_it=\"true\"" : "")\(refused ? " check_it_inverse=\"true\"" : "")"
      + " assign_to=\"\(variable)\"/>\n"
  }
}
