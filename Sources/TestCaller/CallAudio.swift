import CallModel
import Codecs
import MediaRelay
import NIOCore
import NIOPosix

/// The audio of one call: a UDP socket, a packet out every 20 ms, and what comes in taken apart.
///
/// Lives on the phone's event loop. Must be closed.
final class CallAudio {
  /// What offer and answer agreed on, seen from this side.
  struct Agreement {
    var remote: TransportAddress
    var codec: G711
    /// Payload type of telephone-event; nil when the other side does not take events.
    var eventPayloadType: UInt8?
    var sends: Bool
    var outgoing: SDESCrypto?
    var incoming: SDESCrypto?
  }

  static let samplesPerPacket = 160
  static let packetTime = TimeSpan.milliseconds(20)

  let local: TransportAddress
  private let channel: any Channel
  let sound: TestSound
  private var agreement: Agreement?
  private var destination: SocketAddress?
  private var protection: SRTPSession?
  private var unprotection: SRTPSession?
  private var generator: ToneGenerator
  private var sender: RTPSender
  private var digits = DigitSender()
  private var digitStart: UInt32 = 0
  private var nextPacket: NIODeadline?
  private var timer: Scheduled<Void>?
  private var isClosed = false
  /// Called after each packet that arrived.
  var onPacket: (() -> Void)?

  private(set) var receiver = RTPReceiver()
  private(set) var assembly: AudioAssembly
  private(set) var heardDigits = DigitReceiver()
  private(set) var digitsSent = 0
  /// Packets that are no RTP or do not decrypt, and RTCP.
  private(set) var rejected = 0
  private(set) var controlPackets = 0
  private var roundTrips = 0
  private var roundTripTotal = TimeSpan.zero
  private var firstArrival: MonotonicInstant?

  var packetsSent: Int { sender.packetsSent }
  var areDigitsSent: Bool { digits.isIdle }
  var firstPacketAt: MonotonicInstant? { firstArrival }

  /// Mean time until our packets come back, when what arrives is an echo of what was sent: nearly all of it carries numbers
  /// that went out less than two seconds before.
  var roundTrip: TimeSpan? {
    guard roundTrips > 0, roundTrips * 10 >= receiver.packetsReceived * 9 else { return nil }
    return TimeSpan(nanoseconds: roundTripTotal.nanoseconds / Int64(roundTrips))
  }

  /// Opens a socket on a free port of the address.
  static func open(
    _ address: IPAddress, sound: TestSound, on eventLoop: any EventLoop
  ) -> EventLoopFuture<NIOLoopBound<CallAudio>>.Isolated {
    DatagramBootstrap(group: eventLoop)
      .channelOption(.autoRead, value: false)
      .bind(host: address.description, port: 0)
      .assumeIsolated()
      .flatMapThrowing { channel in
        let port = UInt16(clamping: channel.localAddress?.port ?? 0)
        let audio = CallAudio(channel, TransportAddress(address, port), sound)
        try channel.pipeline.syncOperations.addHandler(Inbound(audio))
        try channel.syncOptions?.setOption(.autoRead, value: true)
        channel.read()
        return NIOLoopBound(audio, eventLoop: eventLoop)
      }
  }

  private init(_ channel: any Channel, _ local: TransportAddress, _ sound: TestSound) {
    self.channel = channel
    self.local = local
    self.sound = sound
    var frequency = 0.0
    if case .tone(let hertz) = sound { frequency = hertz }
    generator = ToneGenerator(frequency: frequency)
    assembly = AudioAssembly(codec: .pcmu)
    sender = CallAudio.makeSender(.pcmu)
  }

  private static func makeSender(_ codec: G711) -> RTPSender {
    RTPSender(
      payloadType: codec.payloadType, ssrc: .random(in: 1 ... .max), sequenceNumber: .random(in: 0...0x7fff),
      timestamp: .random(in: 0 ... .max), samplesPerPacket: UInt32(samplesPerPacket))
  }

  /// Takes up a new agreement; what was counted so far stays.
  func apply(_ new: Agreement) {
    guard !isClosed else { return }
    if new.codec != agreement?.codec, sender.packetsSent == 0 {
      sender = CallAudio.makeSender(new.codec)
      assembly = AudioAssembly(codec: new.codec)
    }
    // A session keeps counting over renegotiations unless its key changed.
    if new.outgoing != agreement?.outgoing { protection = new.outgoing.flatMap { SRTPSession($0, .send) } }
    if new.incoming != agreement?.incoming {
      unprotection = new.incoming.flatMap { SRTPSession($0, .receive) }
    }
    agreement = new
    destination = try? SocketAddress(ipAddress: new.remote.ip.description, port: Int(new.remote.port))
    if timer == nil {
      nextPacket = .now()
      tick()
    }
  }

  func send(_ new: [DTMFDigit]) -> Bool {
    guard agreement?.eventPayloadType != nil, digits.add(new) else { return false }
    digitsSent += new.count
    return true
  }

  func close() {
    guard !isClosed else { return }
    isClosed = true
    timer?.cancel()
    onPacket = nil
    channel.close(promise: nil)
  }

  // MARK: Sending

  /// Sends what is due. Deadlines follow from the first, so that a late wake-up delays one packet and not all after it.
  private func tick() {
    guard !isClosed, var due = nextPacket else { return }
    let now = NIODeadline.now()
    // After a long stop of the machine the packets of that time are not sent in one burst.
    if now - due > .milliseconds(200) { due = now }
    while due <= now {
      sendPacket()
      due = due + .nanoseconds(CallAudio.packetTime.nanoseconds)
    }
    nextPacket = due
    timer = channel.eventLoop.assumeIsolated().scheduleTask(deadline: due) { [weak self] in self?.tick() }
  }

  private func sendPacket() {
    guard let agreement, agreement.sends else { return sender.skip() }
    let now = MonotonicInstant.now
    if let payloadType = agreement.eventPayloadType,
      let step = digits.next(samplesPerPacket: CallAudio.samplesPerPacket)
    {
      if step.isFirst { digitStart = sender.nextTimestamp }
      _ = generator.samples(CallAudio.samplesPerPacket)
      let packet = sender.event(
        step.payload, payloadType: payloadType, start: digitStart, isFirst: step.isFirst, now: now)
      return write(packet)
    }
    switch sound {
    case .tone:
      let samples = generator.samples(CallAudio.samplesPerPacket)
      write(sender.packet(agreement.codec.encode(samples), now: now))
    case .silence:
      let silence = [UInt8](repeating: agreement.codec.silence, count: CallAudio.samplesPerPacket)
      write(sender.packet(silence, now: now))
    case .echo: break
    }
  }

  private func write(_ packet: RTPPacket) {
    guard let destination else { return }
    var bytes = packet.bytes
    if agreement?.outgoing != nil {
      // Never in the clear where a key was agreed on.
      guard let protected = protection?.protected(bytes) else { return }
      bytes = protected
    }
    let envelope = AddressedEnvelope(remoteAddress: destination, data: ByteBuffer(bytes: bytes))
    channel.writeAndFlush(envelope, promise: nil)
  }

  // MARK: Receiving

  private func received(_ bytes: [UInt8]) {
    guard !isClosed else { return }
    if bytes.count > 1, (192...223).contains(bytes[1]) {
      controlPackets += 1
      return
    }
    var clear = bytes
    if agreement?.incoming != nil {
      guard let opened = unprotection?.unprotected(bytes) else {
        rejected += 1
        return
      }
      clear = opened
    }
    guard let packet = RTPPacket(clear) else {
      rejected += 1
      return
    }
    let now = MonotonicInstant.now
    guard receiver.receive(packet, now: now) else { return }
    if firstArrival == nil { firstArrival = now }
    if let trip = sender.roundTrip(of: packet.sequenceNumber, now: now), trip <= .seconds(2) {
      roundTrips += 1
      roundTripTotal = roundTripTotal + trip
    }
    if let agreement, packet.payloadType == agreement.eventPayloadType {
      _ = heardDigits.receive(packet)
    } else {
      assembly.add(packet)
      // The packet as it is, so that the other side knows its own numbers again.
      if sound == .echo, agreement?.sends == true { echo(packet) }
    }
    onPacket?()
  }

  private func echo(_ packet: RTPPacket) {
    var reply = sender.packet(packet.payload, now: .now)
    reply.sequenceNumber = packet.sequenceNumber
    reply.timestamp = packet.timestamp
    reply.hasMarker = packet.hasMarker
    write(reply)
  }

  private final class Inbound: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    private weak var audio: CallAudio?

    init(_ audio: CallAudio) { self.audio = audio }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      audio?.received(Array(unwrapInboundIn(data).data.readableBytesView))
    }

    // A peer that closed its port first (ICMP) must not end ours.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
  }
}

extension MonotonicInstant {
  /// The clock of NIO's deadlines.
  static var now: MonotonicInstant {
    MonotonicInstant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
  }
}

extension CallAudio {
  /// What is sent, for people.
  var soundName: String {
    switch sound {
    case .tone(let hertz): "\(Int(hertz.rounded())) Hz"
    case .echo: "echo"
    case .silence: "silence"
    }
  }
}
