import Foundation
import Glibc
import TestCaller

/// A SIP phone whose every step is a test's: for messages that must cross on the wire, which no scripted peer can time.
///
/// It speaks UDP. Requests within a call are answered by themselves (200, with its SDP where one is due) unless the test
/// says otherwise; initial INVITEs are left to the test.
final class ScriptedPhone: Sendable {
  /// One message, split.
  struct Message: Sendable {
    var text: String
    var startLine: String { String(text.prefix { $0 != "\r\n" && $0 != "\n" }) }
    var isResponse: Bool { startLine.hasPrefix("SIP/2.0 ") }
    var status: Int { Int(startLine.split(separator: " ").dropFirst().first ?? "") ?? 0 }
    var method: String {
      isResponse
        ? String(header("CSeq").split(separator: " ").last ?? "") : String(startLine.prefix { $0 != " " })
    }
    var body: String { text.range(of: "\r\n\r\n").map { String(text[$0.upperBound...]) } ?? "" }

    func headers(_ name: String) -> [String] {
      text.components(separatedBy: "\r\n").filter { $0.lowercased().hasPrefix(name.lowercased() + ":") }
        .map { $0.drop { $0 != ":" }.dropFirst().trimmingCharacters(in: .whitespaces) }
    }
    func header(_ name: String) -> String { headers(name).first ?? "" }
    func tag(_ name: String) -> String {
      header(name).components(separatedBy: ";tag=").dropFirst().first?.prefix { $0 != ";" }.description ?? ""
    }
    /// Address and port that the SDP's audio goes to.
    var audio: (address: String, port: UInt16)? {
      guard
        let c = body.components(separatedBy: "c=IN IP4 ").dropFirst().first?.prefix(while: {
          !$0.isWhitespace
        }),
        let m = body.components(separatedBy: "m=audio ").dropFirst().first?.prefix(while: { $0 != " " }),
        let port = UInt16(m)
      else { return nil }
      return (String(c), port)
    }
  }

  /// One dialog, as this phone sees it.
  struct Call: Sendable {
    var callID: String
    var local: String
    var remote: String
    /// The far end's Contact.
    var target: String
    var sequence: Int
    var invite: Message
    /// The far end's latest SDP came with this.
    var media: Message
  }

  let user: String
  let address: String
  let messages = Inbox<Message>()
  let audio: AudioSocket
  private let socket: SIPSocket
  private let hasEvents: Bool

  /// - Parameter hasEvents: Agrees to keys as events in RTP (RFC 4733), under 101.
  init(_ user: String, hasEvents: Bool = false) throws {
    self.user = user
    self.hasEvents = hasEvents
    socket = try SIPSocket()
    address = socket.address
    audio = try AudioSocket(address: address)
    let reader = socket.received
    Task { [weak self] in
      var index = 0
      while await reader.first(from: index, within: .seconds(120), where: { _ in true }) != nil {
        for text in reader.all[index...] {
          guard let self else { return }
          let message = Message(text: text)
          let isInDialog = !message.isResponse && !message.tag("To").isEmpty
          if isInDialog, !["ACK", "CANCEL"].contains(message.method) {
            self.respond(to: message, "200 OK", withSDP: message.method == "INVITE")
          }
          self.messages.add(message)
          index += 1
        }
      }
    }
  }

  var sdp: String {
    """
    v=0
    o=\(user) 1 1 IN IP4 \(address)
    s=-
    c=IN IP4 \(address)
    t=0 0
    m=audio \(audio.port) RTP/AVP 8\(hasEvents ? " 101" : "")
    a=rtpmap:8 PCMA/8000\(hasEvents ? "\na=rtpmap:101 telephone-event/8000" : "")

    """
  }

  private func compose(_ head: String, body: String) -> String {
    let body = body.replacingOccurrences(of: "\n", with: "\r\n")
    let type = body.isEmpty ? "" : "Content-Type: application/sdp\n"
    return head.replacingOccurrences(of: "\n", with: "\r\n")
      + "\(type)Content-Length: \(body.utf8.count)\n\n".replacingOccurrences(of: "\n", with: "\r\n") + body
  }

  /// Sends an initial INVITE; returns it, since CANCEL and ACK repeat parts of it.
  func invite(_ called: String, at server: String, domain: String? = nil) -> Message {
    let text = compose(
      """
      INVITE sip:\(called)@\(domain ?? server) SIP/2.0
      Via: SIP/2.0/UDP \(address):5060;branch=z9hG4bK\(UUID().uuidString);rport
      Max-Forwards: 70
      From: <sip:\(user)@\(address)>;tag=\(UUID().uuidString.prefix(8))
      To: <sip:\(called)@\(server)>
      Call-ID: \(UUID().uuidString)
      CSeq: 1 INVITE
      Contact: <sip:\(user)@\(address):5060>

      """, body: sdp)
    socket.send(text, to: server)
    return Message(text: text)
  }

  /// Sends a request that belongs to no call, from `user` of a domain, and waits for its final response.
  func ask(
    _ method: String, _ uri: String, as from: String? = nil, to: String? = nil, headers: [String] = [],
    at server: String, within timeout: Duration = .seconds(8)
  ) async throws -> Message {
    let callID = UUID().uuidString
    let more = headers.map { $0 + "\n" }.joined()
    socket.send(
      compose(
        """
        \(method) \(uri) SIP/2.0
        Via: SIP/2.0/UDP \(address):5060;branch=z9hG4bK\(UUID().uuidString);rport
        Max-Forwards: 70
        From: <\(from ?? "sip:\(user)@\(address)")>;tag=\(UUID().uuidString.prefix(8))
        To: <\(to ?? uri)>
        Call-ID: \(callID)
        CSeq: 1 \(method)
        Contact: <sip:\(user)@\(address):5060>
        \(more)
        """, body: ""), to: server)
    return try await wait("final response to \(method)", within: timeout) {
      $0.isResponse && $0.header("Call-ID") == callID && $0.status >= 200
    }
  }

  func cancel(_ invite: Message, at server: String) {
    socket.send(
      compose(
        """
        \(invite.startLine.replacingOccurrences(of: "INVITE", with: "CANCEL"))
        Via: \(invite.header("Via"))
        Max-Forwards: 70
        From: \(invite.header("From"))
        To: \(invite.header("To"))
        Call-ID: \(invite.header("Call-ID"))
        CSeq: 1 CANCEL

        """, body: ""), to: server)
  }

  /// ACK of a failure: part of the INVITE's transaction.
  func acknowledge(failure: Message, of invite: Message, at server: String) {
    socket.send(
      compose(
        """
        \(invite.startLine.replacingOccurrences(of: "INVITE", with: "ACK"))
        Via: \(invite.header("Via"))
        Max-Forwards: 70
        From: \(invite.header("From"))
        To: \(failure.header("To"))
        Call-ID: \(invite.header("Call-ID"))
        CSeq: 1 ACK

        """, body: ""), to: server)
  }

  func respond(to request: Message, _ status: String, withSDP: Bool = false, contact: String? = nil) {
    let via = request.headers("Via").map { "Via: \($0)" }.joined(separator: "\n")
    let tag = request.tag("To").isEmpty ? ";tag=\(user)-\(request.header("Call-ID").suffix(6))" : ""
    socket.send(
      compose(
        """
        SIP/2.0 \(status)
        \(via)
        From: \(request.header("From"))
        To: \(request.header("To"))\(tag)
        Call-ID: \(request.header("Call-ID"))
        CSeq: \(request.header("CSeq"))
        Contact: \(contact ?? "<sip:\(user)@\(address):5060>")

        """, body: withSDP ? sdp : ""), to: sender(of: request))
  }

  /// The tag this phone gives an INVITE that it answers.
  private func answeredTo(_ invite: Message) -> String {
    "\(invite.header("To"));tag=\(user)-\(invite.header("Call-ID").suffix(6))"
  }

  private func sender(of request: Message) -> String {
    let via = request.header("Via").split(separator: " ").dropFirst().first ?? ""
    return String(via.prefix { $0 != ":" && $0 != ";" })
  }

  /// The call that a 200 to our INVITE makes; acknowledges it.
  func established(by answer: Message, of invite: Message) -> Call {
    let call = Call(
      callID: invite.header("Call-ID"), local: invite.header("From"), remote: answer.header("To"),
      target: ScriptedPhone.contact(answer), sequence: 1, invite: invite, media: answer)
    request("ACK", in: call)
    return call
  }

  /// The call that our 200 to an INVITE makes.
  func answered(_ invite: Message) -> Call {
    Call(
      callID: invite.header("Call-ID"), local: answeredTo(invite), remote: invite.header("From"),
      target: ScriptedPhone.contact(invite), sequence: 0, invite: invite, media: invite)
  }

  private static func contact(_ message: Message) -> String {
    let contact = message.header("Contact")
    return contact.contains("<")
      ? String(contact.drop { $0 != "<" }.dropFirst().prefix { $0 != ">" }) : contact
  }

  /// Sends a request within the call.
  func request(_ method: String, in call: Call, sequence: Int? = nil, headers: [String] = []) {
    let number = sequence ?? (method == "ACK" ? call.sequence : call.sequence + 1)
    let more = headers.map { $0 + "\n" }.joined()
    let host =
      call.target.drop { $0 != "@" }.isEmpty ? call.target.drop { $0 != ":" } : call.target.drop { $0 != "@" }
    socket.send(
      compose(
        """
        \(method) \(call.target) SIP/2.0
        Via: SIP/2.0/UDP \(address):5060;branch=z9hG4bK\(UUID().uuidString);rport
        Max-Forwards: 70
        From: \(call.local)
        To: \(call.remote)
        Call-ID: \(call.callID)
        CSeq: \(number) \(method)
        Contact: <sip:\(user)@\(address):5060>
        \(more)
        """, body: ""), to: String(host.dropFirst().prefix { $0 != ":" && $0 != ";" && $0 != ">" }))
  }

  func wait(
    _ what: String, from start: Int = 0, within timeout: Duration = .seconds(8),
    where matches: @escaping @Sendable (Message) -> Bool
  ) async throws -> Message {
    guard let message = await messages.first(from: start, within: timeout, where: matches) else {
      throw HarnessError(
        "\(user) saw no \(what):\n\(messages.all.map { "\($0.startLine)  [\($0.header("CSeq"))]" }.joined(separator: "\n"))"
      )
    }
    return message
  }

  func waitForResponse(_ status: ClosedRange<Int>, to method: String, callID: String? = nil) async throws
    -> Message
  {
    try await wait("\(status) to \(method)") {
      $0.isResponse && $0.method == method && status.contains($0.status)
        && (callID == nil || $0.header("Call-ID") == callID)
    }
  }

  func waitForRequest(_ method: String, callID: String? = nil) async throws -> Message {
    try await wait(method) {
      !$0.isResponse && $0.method == method && (callID == nil || $0.header("Call-ID") == callID)
    }
  }

  /// Calls, and waits for the answer.
  func call(_ called: String, at server: String, domain: String? = nil) async throws -> Call {
    let invite = invite(called, at: server, domain: domain)
    let answer = try await waitForResponse(200...200, to: "INVITE", callID: invite.header("Call-ID"))
    return established(by: answer, of: invite)
  }

  /// Waits for a call, and answers it.
  func answer() async throws -> Call {
    let invite = try await wait("INVITE") { $0.method == "INVITE" && !$0.isResponse && $0.tag("To").isEmpty }
    respond(to: invite, "180 Ringing")
    respond(to: invite, "200 OK", withSDP: true)
    let call = answered(invite)
    _ = try await waitForRequest("ACK", callID: call.callID)
    return call
  }
}

/// A media socket that sends single RTP packets and keeps what it gets.
final class AudioSocket: Sendable {
  let port: UInt16
  let received = Inbox<RTPPacket>()
  private let socket: Int32

  init(address: String) throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    port = 30_000
    guard Loopback.bind(socket, to: address, port: port) else {
      throw HarnessError("cannot bind \(address):\(port)")
    }
    var time = timeval(tv_sec: 0, tv_usec: 200_000)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    let descriptor = fcntl(socket, F_DUPFD_CLOEXEC, 0)
    Thread { [weak self, received] in
      var buffer = [UInt8](repeating: 0, count: 2048)
      while true {
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count > 0, let packet = RTPPacket(buffer[..<count]) {
          received.add(packet)
        } else if count <= 0, self == nil {
          break
        }
      }
      close(descriptor)
      received.close()
    }.start()
  }

  deinit { close(socket) }

  func send(_ packet: RTPPacket, to target: (address: String, port: UInt16)) {
    var name = Loopback.socketName(target.address, target.port)
    let bytes = packet.bytes
    _ = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(socket, bytes, bytes.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}
