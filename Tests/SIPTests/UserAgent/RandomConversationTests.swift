import CallModel
import Testing

@testable import SIP

/// Sessions under random commands, messages, loss and delay: nothing traps, every session ends exactly once, and nothing is
/// left behind.
@Suite struct RandomConversationTests {
  /// Two user agents whose applications do anything at any time.
  @Test(arguments: 1...50) func anyCommandAtAnyTime(seed: Int) {
    var random = RandomSource(seed: UInt64(seed) &* 7919)
    let pair = CallPair(
      configureAlice: { if seed % 3 == 0 { $0.sessionTimer = SessionTimerPreferences(interval: 90) } },
      configureBob: { if seed % 2 == 0 { $0.allow.removeAll { $0 == .update } } })
    let lossPercent = UInt64(seed % 4) * 8
    var lossRandom = RandomSource(seed: UInt64(seed))
    pair.network.drops = { _, _ in lossRandom.next() % 100 < lossPercent }
    for _ in 0..<60 {
      let phone = random.next() % 2 == 0 ? pair.alice : pair.bob
      let other = phone === pair.alice ? pair.bob : pair.alice
      if random.next() % 8 == 0, phone.agent.sessionCount < 3 {
        let hasOffer = random.next() % 3 != 0
        _ = phone.call(other.uri, offer: hasOffer ? "offer \(random.next() % 4)" : nil) {
          if seed % 5 == 0 { $0.required = ["100rel"] }
          if seed % 7 == 0 { $0.sessionTimer = SessionTimerPreferences(interval: 90) }
        }
      }
      let ids = phone.agent.sessions.keys.sorted { $0.number < $1.number }
      if let id = ids.randomElement(using: &random) { command(phone, id, &random) }
      answerRequests(phone, &random)
      pair.network.run(for: .milliseconds(Int64([5, 20, 40, 300, 2500].randomElement(using: &random)!)))
    }
    for phone in [pair.alice, pair.bob] {
      for id in phone.agent.sessions.keys { phone.tell { $0.bye(id, now: $1) } }
    }
    #expect(pair.isClean())
    for phone in [pair.alice, pair.bob] { expectOneEndEach(phone) }
  }

  private func command(_ phone: Phone, _ id: SessionID, _ random: inout RandomSource) {
    let body = MessageBody.text("body \(random.next() % 6)")
    switch random.next() % 17 {
    case 0: phone.tell { $0.provisional(id, status: 180, now: $1) }
    case 1: phone.tell { $0.provisional(id, status: 183, body: body, now: $1) }
    case 2: phone.tell { $0.provisional(id, status: 183, body: body, reliability: .unreliable, now: $1) }
    case 3, 4, 5: phone.tell { $0.accept(id, body: body, now: $1) }
    case 6: phone.tell { $0.reject(id, status: 486, now: $1) }
    case 7: phone.tell { $0.cancel(id, now: $1) }
    case 8, 9: phone.tell { $0.answer(id, with: body, now: $1) }
    case 10: phone.tell { $0.refuseOffer(id, now: $1) }
    case 11, 12:
      let prefersUpdate = random.next() % 2 == 0
      phone.tell { $0.reoffer(id, body, preferUpdate: prefersUpdate, now: $1) }
    case 13: phone.tell { $0.requestOffer(id, now: $1) }
    case 14: phone.tell { $0.offer(id, body, now: $1) }
    case 15:
      let target = NameAddress(uri: phone.uri)
      let subscribes = random.next() % 3 != 0
      phone.ask { $0.refer(id, to: target, subscribe: subscribes, now: $1) }
    default:
      if random.next() % 3 == 0 {
        phone.tell { $0.bye(id, now: $1) }
      } else {
        phone.ask { $0.info(id, body: body, now: $1) }
      }
    }
  }

  private func answerRequests(_ phone: Phone, _ random: inout RandomSource) {
    for (_, event) in phone.events.suffix(4) {
      switch event {
      case .request(let request) where random.next() % 2 == 0:
        phone.tell { $0.respond(to: request.id, status: 200, now: $1) }
      case .transferRequested(let transfer):
        switch random.next() % 4 {
        case 0: phone.tell { $0.acceptTransfer(transfer.id, now: $1) }
        case 1: phone.tell { $0.rejectTransfer(transfer.id, now: $1) }
        case 2: phone.tell { $0.notifyTransferProgress(transfer.id, status: 180, now: $1) }
        default: phone.tell { $0.notifyTransferProgress(transfer.id, status: 200, now: $1) }
        }
      case .offer(_, _):
        phone.tell { [id = phone.events.last!.id] in $0.answer(id, with: .text("auto"), now: $1) }
      default: break
      }
    }
  }

  private func expectOneEndEach(_ phone: Phone) {
    var ends: [SessionID: Int] = [:]
    var all: Set<SessionID> = Set(phone.incoming.map(\.id))
    for (id, event) in phone.events {
      all.insert(id)
      switch event {
      case .ended: ends[id, default: 0] += 1
      case .transfer: break
      default: #expect(ends[id] == nil, "\(Phone.line(event)) after the end")
      }
    }
    for id in all { #expect(ends[id] == 1) }
  }

  /// A peer that sends any message with parts of real ones, in any order.
  @Test(arguments: 1...50) func anyMessageAtAnyTime(seed: Int) {
    var random = RandomSource(seed: UInt64(seed) &* 104_729)
    let network = SimulatedNetwork()
    let phone = Phone("phone", "192.0.2.1:5060", on: network) {
      if seed % 2 == 0 { $0.sessionTimer = SessionTimerPreferences(interval: 90) }
      $0.maximumEarlyDialogs = 3
    }
    let peer = ScriptedPeer("192.0.2.9:5060", on: network)
    _ = phone.call(peer.uri, offer: seed % 3 == 0 ? nil : "offer") {
      $0.credentials = [RealmAccount(username: "u", password: Secret("p"))]
    }
    for step in 0..<80 {
      if random.next() % 2 == 0 {
        respondAtRandom(peer, &random)
      } else {
        requestAtRandom(peer, phone, &random, step)
      }
      let ids = phone.agent.sessions.keys.sorted { $0.number < $1.number }
      if let id = ids.randomElement(using: &random), random.next() % 3 == 0 { command(phone, id, &random) }
      answerRequests(phone, &random)
      network.run(for: .milliseconds(Int64([1, 15, 40, 600].randomElement(using: &random)!)))
    }
    for id in phone.agent.sessions.keys { phone.tell { $0.bye(id, now: $1) } }
    network.run(for: .seconds(500))
    #expect(phone.agent.isEmpty)
    expectOneEndEach(phone)
  }

  private func respondAtRandom(_ peer: ScriptedPeer, _ random: inout RandomSource) {
    let requests = peer.inbox.compactMap { message -> SIPRequest? in
      if case .request(let request) = message, request.method != .ack { request } else { nil }
    }
    guard let request = requests.suffix(6).randomElement(using: &random) else { return }
    let status = [
      100, 180, 183, 183, 199, 200, 200, 200, 202, 302, 401, 407, 420, 422, 481, 486, 488, 491, 500, 503, 603,
    ]
    .randomElement(using: &random)!
    var headers: [(SIPHeaderName, String)] = []
    if random.next() % 2 == 0 { headers += [(.require, "100rel"), (.rSeq, "\(random.next() % 4)")] }
    if random.next() % 3 == 0 { headers.append((.sessionExpires, "\(random.next() % 300);refresher=uac")) }
    if random.next() % 3 == 0 { headers.append((.minSE, "\(random.next() % 500)")) }
    if random.next() % 3 == 0 { headers.append((.retryAfter, "\(random.next() % 12)")) }
    if random.next() % 2 == 0 { headers.append((.allow, "INVITE, ACK, BYE, UPDATE, INFO")) }
    if random.next() % 5 == 0 { headers.append((.recordRoute, "<sip:192.0.2.9;lr>")) }
    if status == 401 || status == 407 {
      headers.append(
        (
          status == 401 ? .wwwAuthenticate : .proxyAuthenticate,
          "Digest realm=\"r\", nonce=\"\(random.next())\""
        ))
    }
    let tag = ["a", "b", "c", "d", "e"].randomElement(using: &random)!
    peer.respond(
      to: request, status, tag: random.next() % 10 == 0 ? nil : tag,
      body: random.next() % 2 == 0 ? "description \(random.next() % 3)" : nil, headers: headers)
  }

  private func requestAtRandom(
    _ peer: ScriptedPeer, _ phone: Phone, _ random: inout RandomSource, _ step: Int
  ) {
    let methods: [SIPMethod] = [
      .invite, .invite, .ack, .ack, .bye, .cancel, .prack, .prack, .update, .update, .info, .refer, .notify,
      .options, .message, .subscribe,
    ]
    let method = methods.randomElement(using: &random)!
    let sessions = phone.agent.sessions.values.sorted { $0.id.number < $1.id.number }
    let session = random.next() % 5 == 0 ? nil : sessions.randomElement(using: &random)
    let fromTag = session?.dialogs.randomElement(using: &random)?.remoteTag ?? "f\(random.next() % 4)"
    let isNew = random.next() % 6 == 0
    var headers: [(SIPHeaderName, String)] = []
    if random.next() % 2 == 0 { headers.append((.supported, "100rel, timer, replaces")) }
    if random.next() % 6 == 0 { headers.append((.require, "100rel")) }
    if random.next() % 4 == 0 { headers.append((.sessionExpires, "\(60 + random.next() % 300)")) }
    switch method {
    case .prack:
      let number = session?.incoming?.unacknowledged?.sequence ?? UInt32(random.next() % 5)
      headers.append((.rAck, "\(number) \(session?.incoming?.sequence ?? 1) INVITE"))
    case .refer:
      let replaces =
        "?Replaces=\(session?.callID ?? "x")%3Bto-tag%3Dx%3Bfrom-tag%3D\(session?.localTag ?? "y")"
      headers.append((.referTo, "<sip:x@192.0.2.4\(random.next() % 2 == 0 ? replaces : "")>"))
    case .notify:
      headers += [(.event, "refer;id=\(random.next() % 5)"), (.subscriptionState, "active")]
    case .invite where random.next() % 5 == 0:
      headers.append(
        (.replaces, "\(session?.callID ?? "x");to-tag=\(session?.localTag ?? "y");from-tag=\(fromTag)"))
    default: break
    }
    let sequence =
      method == .ack
      ? session?.success?.sequence ?? UInt32(step)
      : UInt32(clamping: Int(session?.dialog?.remoteSequence ?? 0) + Int(random.next() % 3))
    peer.request(
      method, to: phone.address, uri: phone.uri,
      callID: isNew ? "new\(step)" : session?.callID ?? "call", fromTag: fromTag,
      toTag: isNew ? nil : session?.localTag ?? "none", sequence: max(1, sequence),
      body: random.next() % 2 == 0 ? "description \(random.next() % 3)" : nil, headers: headers)
  }
}
