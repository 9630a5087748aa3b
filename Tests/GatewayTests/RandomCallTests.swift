import CallModel
import PolicyEngine
import Router
import TestSupport
import Testing

@testable import Gateway

/// Calls whose parties do anything at any time, as far as their protocol lets them: nothing traps, everybody is told of the end,
/// and nothing is left behind.
@Suite(.serialized) struct RandomCallTests {
  @Test(arguments: 1...80) func anythingAtAnyTime(seed: Int) throws {
    let world = try World(seed: UInt64(seed))
    for _ in 0..<150 {
      world.step()
      for leg in world.legs where leg.isOver {
        // A party that has asked for a transfer may hang up before it is done.
        let call = world.bench.host.call(with: leg.id)
        #expect(call == nil || call?.transfer?.isTransferrerGone == true, "\(leg.id) is over and still known")
      }
    }
    world.finish()
    #expect(world.bench.host.callCount == 0 && world.bench.liveCalls == 0)
    #expect(world.bench.router.concurrentCalls(onTrunk: "one") == 0 && world.bench.router.openShares == 0)
    for leg in world.legs { #expect(leg.isOver, "\(leg.id) was forgotten") }
  }
}

private final class World {
  let bench: GatewayBench
  private(set) var legs: [ScriptedLeg] = []
  private var random: SplitMix
  /// Offers of ours that each leg owes an answer to, and its own that we owe one to.
  private var owed: [LegID: Int] = [:]
  private var asked: Set<LegID> = []
  private var answered: Set<LegID> = []
  private var offering: Set<LegID> = []
  /// Legs that were accepted with an offer, which their ACK answers.
  private var acknowledges: Set<LegID> = []
  private var hadOffer: Set<LegID> = []

  init(seed: UInt64) throws {
    random = SplitMix(seed: seed)
    bench = try GatewayBench(
      rules: [
        rule("bob|carol", target: .registration) {
          $0.ringTimeout = .seconds(20)
          if seed % 2 == 0 { $0.limits = CallLimits(total: CallCaps(concurrentCalls: 3)) }
        },
        rule("9.*", trunks: ["one", "two"]) {
          $0.continueOn = [.congestion, .noAnswer, .notAcceptable]
          $0.mediaEncryption = seed % 3 == 0 ? .off : .bestEffort
          if seed % 2 == 0 {
            $0.limits = CallLimits(
              total: CallCaps(callMinutes: Quota(8, per: .seconds(900))),
              perCaller: CallCaps(concurrentCalls: 3, maximumDuration: .seconds(130)))
          }
        },
      ], trunks: [trunk("one") { $0.limits.total.concurrentCalls = 2 }, trunk("two")],
      devices: ["bob", "carol", "carol"], ports: 39000...39999,
      destinationLimits: [
        DestinationLimit(
          name: "nines", prefixes: ["9"], limits: CallLimits(total: CallCaps(concurrentCalls: 3)))
      ])
  }

  func step() {
    listen()
    switch random.below(10) {
    case 0 where bench.liveCalls < 4: call()
    case 1: bench.loop.advance(to: bench.loop.now + .seconds(Int64([1, 5, 25, 95][random.below(4)])))
    case 2: replace()
    default:
      if let leg = legs.filter({ !$0.isOver }).randomElement(using: &random) { act(leg) }
    }
  }

  /// Everybody hangs up.
  func finish() {
    for _ in 0..<50 {
      listen()
      for leg in legs where !leg.isOver { leg.does(.ended(Disconnect(.normal))) }
    }
    bench.loop.advance(to: bench.loop.now + .seconds(200))
  }

  // MARK: What the parties have been told

  private func listen() {
    for leg in bench.dialer.legs where !legs.contains(where: { $0 === leg }) {
      leg.takesOffers = random.below(2) == 0
      legs.append(leg)
    }
    for leg in legs {
      for command in leg.take() {
        switch command {
        case .offer: owed[leg.id, default: 0] += 1
        case .requestOffer: asked.insert(leg.id)
        case .answer, .refuseOffer: offering.remove(leg.id)
        case .accept:
          answered.insert(leg.id)
          if !hadOffer.contains(leg.id) { acknowledges.insert(leg.id) }
        default: break
        }
      }
    }
  }

  // MARK: What they do

  private func call() {
    let alias = ["bob", "carol", "9123", "nobody"][random.below(4)]
    let offer = random.below(4) == 0 ? nil : media()
    let leg = bench.call(alias, offer: offer)
    leg.takesOffers = random.below(2) == 0
    legs.append(leg)
    if offer != nil { hadOffer.insert(leg.id) }
  }

  private func replace() {
    guard let old = legs.filter({ !$0.isOver }).randomElement(using: &random),
      let call = bench.host.call(with: old.id)
    else { return }
    // An early dialog of the caller is not ours to replace: the user agent sees to that.
    guard !(old.party.isIncoming && !old.isAccepted) else { return }
    let offer = random.below(3) == 0 ? nil : media()
    let leg = bench.replace(old, in: call, offer: offer)
    legs.append(leg)
    if offer != nil { hadOffer.insert(leg.id) }
  }

  private func act(_ leg: ScriptedLeg) {
    if !answered.contains(leg.id) {
      return leg.party.isIncoming ? giveUp(leg) : ring(leg)
    }
    if acknowledges.remove(leg.id) != nil {
      return leg.does(.confirmed(media: random.below(8) == 0 ? nil : answer(leg.media)))
    }
    if let count = owed[leg.id], count > 0, random.below(4) != 0 {
      owed[leg.id] = count - 1
      let refusals = [488, 491, 500, 408]
      return leg.does(
        random.below(4) == 0 ? refused(refusals[random.below(4)]) : .answer(answer(leg.media)))
    }
    if asked.remove(leg.id) != nil {
      guard random.below(4) != 0 else { return leg.does(refused(488)) }
      offering.insert(leg.id)
      return leg.does(.offer(media()))
    }
    talk(leg)
  }

  /// Offers before the call is answered, and answers to ours.
  private func negotiatesEarly(_ leg: ScriptedLeg) -> Bool {
    if let count = owed[leg.id], count > 0, random.below(2) == 0 {
      owed[leg.id] = count - 1
      leg.does(random.below(4) == 0 ? refused(488) : .answer(answer(leg.media)))
    } else if !offering.contains(leg.id), (owed[leg.id] ?? 0) == 0, random.below(5) == 0 {
      offering.insert(leg.id)
      leg.does(.offer(media()))
    } else if offering.contains(leg.id), random.below(8) == 0 {
      offering.remove(leg.id)
      leg.does(.offerWithdrawn)
    } else {
      return false
    }
    return true
  }

  private func giveUp(_ leg: ScriptedLeg) {
    if negotiatesEarly(leg) { return }
    if random.below(6) == 0 { leg.does(.ended(Disconnect(.cancelled))) }
  }

  private func ring(_ leg: ScriptedLeg) {
    if negotiatesEarly(leg) { return }
    let description = random.below(3) == 0 ? nil : answer(leg.call?.offer)
    switch random.below(6) {
    case 0: leg.does(.progress(.ringing, media: nil))
    case 1: leg.does(.progress(.inBand, media: description))
    case 2, 3:
      answered.insert(leg.id)
      leg.does(.answered(media: random.below(12) == 0 ? nil : answer(leg.call?.offer)))
    case 4: leg.does(refusal([486, 488, 503, 404, 603, 480][random.below(6)]))
    default: break
    }
  }

  private func talk(_ leg: ScriptedLeg) {
    let mayOffer = !offering.contains(leg.id) && (owed[leg.id] ?? 0) == 0
    switch random.below(12) {
    case 0 where mayOffer, 1 where mayOffer:
      offering.insert(leg.id)
      leg.does(.offer(random.below(3) == 0 ? nil : media()))
    case 2 where offering.remove(leg.id) != nil: leg.does(.offerWithdrawn)
    case 3: leg.does(.digit(DTMFDigit("5")!, duration: .milliseconds(100)))
    case 4: leg.does(.message(CallMessage(kind: .text, contentType: "text/plain", content: [65])))
    case 5, 6:
      let target = ["bob", "carol", "9124", "nobody"][random.below(4)]
      leg.does(.transferRequested(CallModel.TransferRequest(alias: Alias(sip: "sip:\(target)"))))
    case 7, 8, 9:
      guard
        let other = legs.filter({
          !$0.isOver && (answered.contains($0.id) || $0.party.isIncoming)
        }).randomElement(using: &random)
      else { return }
      leg.does(
        .transferRequested(
          CallModel.TransferRequest(alias: Alias(sip: "sip:ignored"), replacing: other.id)))
    case 10: leg.does(.ended(Disconnect(.normal)))
    default: leg.does(.confirmed(media: nil))
    }
  }

  private func refused(_ status: Int) -> CallLegEvent {
    .offerRefused(Disconnect(status: status, reasons: [], text: nil))
  }

  /// Mostly one that fits the offer.
  private func answer(_ offer: MediaDescription?) -> MediaDescription {
    guard var answer = offer, random.below(8) != 0 else { return media() }
    for index in answer.streams.indices {
      answer.streams[index].address = TransportAddress(
        .v4(0x7f00_0009), UInt16(21000 + 2 * random.below(500)))
      answer.streams[index].codecs = Array(answer.streams[index].codecs.prefix(1 + random.below(2)))
      answer.streams[index].cryptos = answer.streams[index].cryptos.prefix(1).map {
        SDESCrypto(tag: $0.tag, suite: $0.suite, keyAndSalt: Secret(String(repeating: "B", count: 40)))
      }
      if !answer.streams[index].profile.isSecure, random.below(2) == 0 { answer.streams[index].cryptos = [] }
    }
    return answer
  }

  private func media() -> MediaDescription {
    let port = UInt16(20000 + 2 * random.below(500))
    let codecs: [Codec] = [[.pcma, .events], [.pcmu], [.pcma, .pcmu], [.opus(111), .pcma]][random.below(4)]
    let key = SDESCrypto(
      tag: 1, suite: .aesCM128HMACSHA1_80, keyAndSalt: Secret(String(repeating: "A", count: 40)))
    switch random.below(6) {
    case 0: return .video(port: port)
    case 1: return .audio(port: port, codecs: codecs, profile: .rtpSAVP, cryptos: [key])
    case 2: return .audio(port: port, codecs: codecs, cryptos: [key])
    case 3: return .audio(port: port, codecs: codecs, direction: .sendOnly)
    default: return .audio(port: port, codecs: codecs)
    }
  }
}

extension SplitMix {
  fileprivate mutating func below(_ bound: Int) -> Int { Int(next(below: UInt64(bound))) }
}
