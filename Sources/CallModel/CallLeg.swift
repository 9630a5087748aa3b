/// One side of a call, whatever protocol it speaks.
///
/// A leg is confined to its call's event loop. Whoever hosts the call gives commands through these methods and hears
/// through ``observer``. Commands that no longer make sense (the leg ended meanwhile) are ignored: the far end may always
/// be quicker. After ``CallLegEvent/ended(_:)`` no event follows.
public protocol CallLeg: AnyObject {
  var id: LegID { get }
  var party: LegParty { get }
  /// Weak: the call owns its legs, not the other way round.
  var observer: (any CallLegObserver)? { get set }

  // MARK: As the called side (an incoming leg before it is answered)

  /// Tells the caller that the call progresses; `media` opens early media.
  func progress(_ progress: CallProgress, media: MediaDescription?)
  /// Answers the call. `media` is the answer to the caller's offer, or an offer if the caller made none.
  func accept(media: MediaDescription)
  func reject(_ disconnect: Disconnect)
  /// Asks the caller to call somewhere else (SIP 302).
  func redirect(to aliases: [String])

  // MARK: Negotiation (RFC 3264), at any time both sides allow it

  /// Whether an offer can be made to it, now or in its turn: in a call always, before the answer only where its protocol has a
  /// way (SIP: UPDATE after a reliable exchange, RFC 3311 §5.1).
  var takesOffers: Bool { get }
  /// Offers new media. The outcome is ``CallLegEvent/answer(_:)`` or ``CallLegEvent/offerRefused(_:)``.
  func offer(_ media: MediaDescription)
  /// Asks the far end to make an offer; it arrives as ``CallLegEvent/offer(_:)``.
  func requestOffer()
  /// Answers the offer that came with ``CallLegEvent/offer(_:)``, or, for an outgoing leg without an offer, with
  /// ``CallLegEvent/progress(_:media:)`` or ``CallLegEvent/answered(media:)``.
  func answer(_ media: MediaDescription)
  func refuseOffer(_ disconnect: Disconnect)

  // MARK: In the call

  /// Passes a digit in signalling (SIP INFO, H.245 user input). Digits in RTP are the relay's.
  func send(_ digit: DTMFDigit, duration: TimeSpan)
  /// Passes on what the other party sent inside the call (SIP MESSAGE and INFO other than digits).
  func send(_ message: CallMessage)
  /// Tells the far end how the transfer it asked for goes (SIP NOTIFY).
  func transferProgressed(_ progress: TransferProgress)
  /// Asks the far end to call somebody else.
  func transfer(to alias: String, replacing leg: LegID?)

  /// Ends the leg, in whatever state it is: cancels, rejects or hangs up.
  func end(_ disconnect: Disconnect)
}

public protocol CallLegObserver: AnyObject {
  func leg(_ leg: any CallLeg, did event: CallLegEvent)
}

public enum CallLegEvent: Sendable {
  /// An outgoing leg rings or progresses; `media` is an early answer (or an offer, if we made none).
  case progress(CallProgress, media: MediaDescription?)
  /// An outgoing leg was answered; nil when the answer came earlier, in a provisional response.
  case answered(media: MediaDescription?)
  /// The far end's final confirmation (ACK) arrived; `media` is its answer if the offer was ours in ``CallLeg/accept(media:)``.
  case confirmed(media: MediaDescription?)
  /// The far end offers new media; nil: it asks us to offer.
  case offer(MediaDescription?)
  /// The far end takes its offer, or its wish for one, back before it was answered.
  case offerWithdrawn
  case answer(MediaDescription)
  case offerRefused(Disconnect)
  case digit(DTMFDigit, duration: TimeSpan)
  case message(CallMessage)
  case transferRequested(TransferRequest)
  /// Progress of a transfer we asked the far end for.
  case transferProgressed(TransferProgress)
  case ended(Disconnect)
}

public enum CallProgress: Hashable, Sendable {
  case trying
  case ringing
  case forwarded
  case queued
  /// Progress that is not ringing, typically with early media (SIP 183).
  case inBand
}

/// Something one party sends the other inside the call that is neither media nor a digit.
public struct CallMessage: Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    /// For the user (SIP MESSAGE).
    case text
    /// For the far end's software (SIP INFO), e.g. a request for a full picture.
    case information
  }

  public var kind: Kind
  public var contentType: String
  public var content: [UInt8]

  public init(kind: Kind, contentType: String, content: [UInt8]) {
    self.kind = kind
    self.contentType = contentType
    self.content = content
  }
}

/// Names one leg within the process.
public struct LegID: Hashable, Sendable, CustomStringConvertible {
  public var number: UInt64
  public init(_ number: UInt64) { self.number = number }
  public var description: String { "leg\(number)" }
}

/// Who is at the other end of a leg.
public struct LegParty: Hashable, Sendable {
  public var callProtocol: CallProtocol
  public var isIncoming: Bool
  public var alias: String
  public var displayName: String
  public var address: TransportAddress?
  public var vendor: String
  /// The protocol's own name for the call (SIP Call-ID).
  public var protocolCallID: String

  public init(
    callProtocol: CallProtocol, isIncoming: Bool, alias: String, displayName: String = "",
    address: TransportAddress? = nil, vendor: String = "", protocolCallID: String = ""
  ) {
    self.callProtocol = callProtocol
    self.isIncoming = isIncoming
    self.alias = alias
    self.displayName = displayName
    self.address = address
    self.vendor = vendor
    self.protocolCallID = protocolCallID
  }
}

/// A request by one party that the other be connected elsewhere (SIP REFER, H.450.2). Resolved by the Router like any call.
public struct TransferRequest: Hashable, Sendable {
  public var alias: Alias
  /// Attended: the leg of ours that the new call takes the place of.
  public var replacing: LegID?
  /// Attended, with a call that is none of ours: what the new call takes the place of at its target, in the words of the
  /// protocol (a SIP `Replaces` value). Passed on unread.
  public var replacingElsewhere: String?
  public var referredBy: String?

  public init(
    alias: Alias, replacing: LegID? = nil, replacingElsewhere: String? = nil, referredBy: String? = nil
  ) {
    self.alias = alias
    self.replacing = replacing
    self.replacingElsewhere = replacingElsewhere
    self.referredBy = referredBy
  }
}

public enum TransferProgress: Hashable, Sendable {
  case accepted
  case trying
  case ringing
  case succeeded
  case failed(Disconnect)
}

/// One DTMF digit (RFC 4733 §3.2, events 0-15, and 16 for flash).
public struct DTMFDigit: Hashable, Sendable, CustomStringConvertible {
  /// 0-9, 10 = `*`, 11 = `#`, 12-15 = `A`-`D`, 16 = flash.
  public let event: UInt8

  public init?(event: UInt8) {
    guard event <= 16 else { return nil }
    self.event = event
  }

  private static let characters = Array("0123456789*#ABCD!")

  public init?(_ character: Character) {
    guard let index = DTMFDigit.characters.firstIndex(of: Character(character.uppercased())) else {
      return nil
    }
    event = UInt8(index)
  }

  public var description: String { String(DTMFDigit.characters[Int(event)]) }
}
