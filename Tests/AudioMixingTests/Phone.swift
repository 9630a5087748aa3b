import AudioMixing
import CallModel
import Codecs
import TestSupport
import Testing

/// A party of a room under test: sends what it is given, and keeps what it hears.
final class Phone {
  let encoding: AudioEncoding
  private var encoder: AudioEncoder
  private var decoder: AudioDecoder
  var id: MixParticipantID?
  var sequence: UInt16 = 65_530
  var timestamp: UInt32 = 0xffff_f000
  let ssrc: UInt32
  /// What it says, frame by frame; nil is a frame for which it sends nothing.
  var voice: (Int) -> [Int16]?
  var level: AudioLevelExtension?

  /// Everything heard, at the rate of the encoding: what was not sent is silence.
  private(set) var heard: [Int16] = []
  private(set) var packets: [(sequence: UInt16, timestamp: UInt32, isMarked: Bool, payload: [UInt8])] = []
  /// The tick's packet has come.
  private var hasHeard = false

  init(
    _ encoding: AudioEncoding, ssrc: UInt32, settings: OpusSettings = OpusSettings(),
    voice: @escaping (Int) -> [Int16]?
  )
    throws
  {
    self.encoding = encoding
    self.ssrc = ssrc
    self.voice = voice
    encoder = try unwrapped(AudioEncoder(encoding, settings: settings))
    decoder = try unwrapped(AudioDecoder(encoding))
  }

  /// Sings one note.
  convenience init(_ encoding: AudioEncoding, ssrc: UInt32, tone: Double, amplitude: Double = 6_000) throws {
    let frame = encoding.sampleRate / 50
    try self.init(encoding, ssrc: ssrc) { tick in
      AudioSignal.sine(
        tone, rate: encoding.sampleRate, count: frame, amplitude: amplitude, from: tick * frame)
    }
  }

  convenience init(listening encoding: AudioEncoding, ssrc: UInt32) throws {
    try self.init(encoding, ssrc: ssrc) { _ in nil }
  }

  var rate: Int { encoding.sampleRate }

  func configuration(opus: OpusSettings = OpusSettings(complexity: 2)) -> MixParticipantConfiguration {
    let format = MixParticipantConfiguration.Format(encoding.staticPayloadType ?? 111, encoding)
    return MixParticipantConfiguration(
      receives: [format], sends: format, opus: opus, comfortNoisePayloadType: 13, eventPayloadTypes: [101],
      ssrc: ssrc &+ 1_000, firstSequenceNumber: 65_500, firstTimestamp: 0xffff_ff00)
  }

  func encode(_ tick: Int) -> [UInt8]? {
    guard let samples = voice(tick) else { return nil }
    var payload = [UInt8](repeating: 0, count: 2_048)
    let length = samples.withUnsafeBufferPointer { from in
      payload.withUnsafeMutableBytes { encoder.encode(from, into: $0) }
    }
    return length > 0 ? Array(payload[..<length]) : nil
  }

  func take(_ packet: MixedPacket) {
    #expect(!hasHeard)
    hasHeard = true
    packets.append((packet.sequenceNumber, packet.timestamp, packet.isMarked, Array(packet.payload)))
    guard packet.payloadType != 13 else { return listen(nil) }
    listen(packet.payload)
  }

  func endTick() {
    if !hasHeard { heard += [Int16](repeating: 0, count: rate / 50) }
    hasHeard = false
  }

  private func listen(_ payload: UnsafeRawBufferPointer?) {
    var samples = [Int16](repeating: 0, count: decoder.maximumSamples)
    let count = payload.flatMap { payload in
      samples.withUnsafeMutableBufferPointer { decoder.decode(payload, into: $0) }
    }
    heard += samples[..<(count ?? rate / 50)]
  }

  /// The last part of what was heard.
  func last(seconds: Double) -> ArraySlice<Int16> { heard.suffix(Int(seconds * Double(rate))) }

  func level(of tone: Double, seconds: Double = 0.5) -> Double {
    AudioSignal.level(of: tone, in: last(seconds: seconds), rate: rate)
  }
}

/// A room, its parties, and the time between them.
final class Meeting {
  var room: MixRoom
  var phones: [Phone] = []
  var tick = 0
  /// Called for each packet of a phone before it reaches the room; false loses it.
  var passes: (Phone, Int) -> Bool = { _, _ in true }

  init(_ configuration: MixRoom.Configuration = Meeting.plain) { room = MixRoom(configuration) }

  /// Without automatic gain, so that levels can be compared.
  static var plain: MixRoom.Configuration {
    var configuration = MixRoom.Configuration()
    configuration.usesAutomaticGain = false
    return configuration
  }

  @discardableResult
  func add(_ phone: Phone, _ change: (inout MixParticipantConfiguration) -> Void = { _ in }) throws -> Phone {
    var configuration = phone.configuration()
    change(&configuration)
    phone.id = try unwrapped(room.join(configuration))
    phones.append(phone)
    return phone
  }

  var now: MonotonicInstant { MonotonicInstant(nanoseconds: 1_000_000_000 + Int64(tick) * 20_000_000) }

  func run(seconds: Double) {
    for _ in 0..<Int(seconds * 50) {
      for phone in phones { send(phone) }
      deliver(at: now + .milliseconds(12))
      tick += 1
    }
  }

  func send(_ phone: Phone) {
    defer {
      phone.sequence &+= 1
      phone.timestamp &+= UInt32(phone.encoding.clockRate / 50)
    }
    guard let payload = phone.encode(tick) else {
      // Sequence numbers count packets.
      phone.sequence &-= 1
      return
    }
    guard passes(phone, tick) else { return }
    _ = receive(phone, payload)
  }

  @discardableResult
  func receive(
    _ phone: Phone, _ payload: [UInt8], payloadType: UInt8? = nil, sequence: UInt16? = nil,
    timestamp: UInt32? = nil,
    ssrc: UInt32? = nil, isMarked: Bool = false
  ) -> MixReception {
    guard let id = phone.id else { return .notInRoom }
    return payload.withUnsafeBytes { bytes in
      room.receive(
        from: id, payloadType: payloadType ?? phone.encoding.staticPayloadType ?? 111,
        sequenceNumber: sequence ?? phone.sequence, timestamp: timestamp ?? phone.timestamp,
        ssrc: ssrc ?? phone.ssrc, isMarked: isMarked, level: phone.level, payload: bytes, now: now)
    }
  }

  func deliver(at now: MonotonicInstant) {
    room.tick(now: now) { packet in
      phones.first { $0.id == packet.participant }?.take(packet)
    }
    for phone in phones { phone.endTick() }
  }

  func join(_ configuration: MixParticipantConfiguration) -> MixParticipantID? { room.join(configuration) }
  func isHere(_ id: MixParticipantID) -> Bool { room.isHere(id) }
  var nextTick: MonotonicInstant? { room.nextTick }
  func isSpeaking(_ phone: Phone) -> Bool { phone.id.map { room.isSpeaking($0) } ?? false }
  func jitterStatistics(of phone: Phone) -> JitterStatistics? {
    phone.id.flatMap { room.jitterStatistics(of: $0) }
  }
  func decodedPackets(of phone: Phone) -> UInt64 { phone.id.map { room.decodedPackets(of: $0) } ?? 0 }
}
